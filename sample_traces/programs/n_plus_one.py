"""A product list that is slow because it asks once for the list and then once for every product.

Sixty queries of three milliseconds each: no single span is slow, only their number is.
"""

from opentelemetry.trace import SpanKind
from story import Database, Story, http

PRODUCTS = 60


def main() -> None:
    story = Story("n-plus-one", "2026-11-18T16:22:40+00:00")
    web = story.service("storefront", "2026.46.1")
    catalog = story.service("catalog-service", "4.0.0")
    database = Database("postgresql", "catalog", "catalog-db", 5432)
    page = {"browser.page": "/c/espresso-machines", "enduser.id": "u-1093"}
    with web.span("GET /c/{category}", SpanKind.SERVER, page, headers={}):
        web.work(5)
        path = "/products?category=espresso-machines"
        with http(web, catalog, "GET", "/products", path=path) as call:
            text = "SELECT id, name, price FROM products WHERE category = $1 ORDER BY rank LIMIT 60"
            with database.query(catalog, "SELECT", "products", text, 11) as query:
                query.set_attribute("db.response.returned_rows", PRODUCTS)
            with catalog.span("serialize products", attributes={"products.count": PRODUCTS}):
                for product in range(PRODUCTS):
                    text = "SELECT rating, count FROM reviews WHERE product_id = $1"
                    with database.query(catalog, "SELECT", "reviews", text, 3.1) as query:
                        query.set_attribute("db.query.parameter.1", str(40_000 + product * 7))
                        query.set_attribute("db.response.returned_rows", 1)
                    catalog.work(0.25)
            call.server.set_attribute("http.response.body.size", 48_211)
        with web.span("render template", attributes={"template": "category.html"}):
            web.work(22)
    story.end()


if __name__ == "__main__":
    main()
