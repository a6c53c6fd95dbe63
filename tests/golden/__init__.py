"""The product's own path against the predecessor's, on music of all lengths and kinds."""
