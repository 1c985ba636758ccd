"""Cursor pages; the lists of accounts under /api are read alike, so they are made there."""

from accounts.pagination import Cursor, Page, Render, envelope, page, page_of

__all__ = ["Cursor", "Page", "Render", "envelope", "page", "page_of"]
