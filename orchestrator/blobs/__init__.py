"""The bytes: where they are kept, and what they are.

`registry.open_store` makes a `base.BlobStore` of a URL; `spool.Spool` takes bytes in as they come; `keep.keep` looks at
them and stores them. Stores know nothing of media, and media nothing of stores; only `keep` knows both.
"""
