from tests.faces.conftest import quick_pages

__all__ = ["quick_pages"]
