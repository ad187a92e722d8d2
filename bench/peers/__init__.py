"""The other libraries, behind the signature of what is measured; requirements/ says how to install them."""
