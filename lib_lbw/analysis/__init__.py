"""Floor 3: which block does what. Words -> plan -> pictures -> numbers -> grid and report.

    BlockStudy | XyzStudy --plan(study, Bench)--> AnalysisPlan --run_analysis(plan, generator, folder)--> Results

Reading order: `study`, `blocks_spec` and `axes` (the user's words), `tag` (the LoRA tag they change), `plan` (what to
draw; `cell` is the value it makes), `run` (draw it, once; `journal`, `sources` and `stored` know what is done),
`metrics` (pictures to numbers), `maps` and `grid` (pictures of pictures), `report` (one page to look at).
"""
