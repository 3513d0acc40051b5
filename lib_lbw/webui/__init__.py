"""Floor 7: the WebUI extension. The script file in `scripts/` is a few lines; everything it does is here.

| file | answers |
|---|---|
| extension | What does the WebUI call? One object for one load of the script |
| gatekeeper, page_errors | Are we connected to the WebUI's LoRA code, and do our errors reach the page? |
| script_notes | What was there to say of the pictures that a script drew? |
| overlay, resolver | Which weights has this tag in this job? |
| recording, paste | What do a picture's parameters tell, and what do they mean when they come back? |
| panel, editor, preset_check, prompt_weights, controls | The accordion |
| arguments, analysis_form, analysis, drawing, engine, benches | The analyzer and the plot in the list of scripts |
| axes | Our axes in the WebUI's own plot |
| tab | The tab with presets, merges and earlier analyses |
| cards | Which weights does a LoRA always come with? A click on its card writes them |
| routes, answers, schemas | The same over HTTP |
| settings, rivals, reference | Settings; others of our kind, and the presets they left |
| host | How does this WebUI name things? The WebUI is imported when asked for, never while loading |
"""
