"""Floor 2: words to numbers.

    text --grammar--> Directive --resolve(family, presets, seed)--> BlockWeights

`directive` and `terms` hold the values, `grammar` reads and writes them, `presets` keeps named ones, `resolve` gives
every block its number. Nothing here needs torch, a file or a host.
"""
