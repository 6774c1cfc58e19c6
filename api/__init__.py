"""The web side: GraphQL and the pages around it, thin over :mod:`kg`.

app        create_app(): FastAPI with everything mounted
schema     the GraphQL types, by theme
limits     how much one request may ask for
errors     what a refused request says
"""
