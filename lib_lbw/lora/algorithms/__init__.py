"""The delta of each algorithm as pure tensor functions: one file each, no files, no scales, no dtypes to decide.

Every function takes the tensors of one module by role, all in one floating dtype (float32 or float64), and returns
the delta before the strength s = alpha/rank. Factors are pairs (left [out, R], right [R, in*kh*kw]) whose product is
the flattened delta.
"""
