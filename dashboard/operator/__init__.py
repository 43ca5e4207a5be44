"""The operator's pages: the platform as a whole. dashboard/operator/pages.py has their table."""
