"""How fast texts are read out of JSON lines, beside other parsers."""
