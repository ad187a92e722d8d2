"""Other loaders, as a program that environments without pypack can run."""
