"""Answers in the forms people open: each module turns an answer of ``kg.answers`` into one format.

    json       plain data with GraphQL's names, and JSON
    tables     an answer as rows: columns with names, descriptions and widths
    csv, markdown, xlsx    what is made from the tables

Everything is a function of an answer (and the release it came from) and gives the same bytes every time.
"""
