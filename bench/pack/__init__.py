"""Packing: speed against public packers, fill, bias, and balance."""
