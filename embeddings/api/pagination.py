"""Pages of lists: 50 rows unless `?pageSize=` asks for up to 500."""

from rest_framework.pagination import PageNumberPagination


class Pages(PageNumberPagination):
    """`?page=2&pageSize=100`."""

    page_size_query_param = "pageSize"
    max_page_size = 500
