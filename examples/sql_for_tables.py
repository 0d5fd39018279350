"""SQL for given tables: the names of tables and columns are part of the grammar, so that no others can be written.

Each table has queries of its own, whose columns are the table's; numbers are compared with numbers and words with
words. Whatever the model thinks, the database understands it.

    python examples/sql_for_tables.py
"""

from __future__ import annotations

import sqlite3

import relark

TABLES = {
    "customers": {"numbers": ["age"], "words": ["name", "city"], "rows": [(41, "Jane", "Paris"), (25, "Bob", "Rome")]},
    "orders": {"numbers": ["price", "year"], "words": ["item"], "rows": [(9.8, 2024, "soap"), (45.5, 2025, "chair")]},
}

# Templates: `query{A, B, C}` stands for the rule with these names in the place of table, number and word.
QUERIES = r"""
query{table, number, word}: select{number, word} " FROM " table where{number, word}? order{number, word}? ";"
select{number, word}: "SELECT " (COUNT | selected{number, word})
selected{number, word}: (number | word) (", " (number | word))~0..2
where{number, word}: " WHERE " condition{number, word} (" AND " condition{number, word})?
condition{number, word}: number COMPARISON NUMBER
                       | word " = " STRING
order{number, word}: " ORDER BY " (number | word) DESC? (" LIMIT " LIMIT)?

COUNT: "COUNT(*)"
COMPARISON: " = " | " < " | " > "
DESC: " DESC"
NUMBER: /0|[1-9][0-9]{0,3}/
LIMIT: /[1-9][0-9]?/
STRING: /'[A-Za-z]{1,12}'/
"""


def grammar() -> str:
    rules, queries = [], []
    for table, columns in TABLES.items():
        names = {kind: " | ".join(f'"{name}"' for name in columns[kind]) for kind in ("numbers", "words")}
        rules += [f'{table}: "{table}"', *(f"{table}_{kind}: {names[kind]}" for kind in names)]
        queries.append(f"query{{{table}, {table}_numbers, {table}_words}}")
    return "\n".join(["start: " + " | ".join(queries), *rules, QUERIES])


EXAMPLES = """\
Tables: customers (age, name, city), orders (price, year, item)
Question: Which customers live in Berlin?
SQL: SELECT name FROM customers WHERE city = 'Berlin';
Question: How many orders are from 2020?
SQL: SELECT COUNT(*) FROM orders WHERE year = 2020;
"""
QUESTIONS = [
    "Which customers are older than 30?",
    "Which items cost more than 20?",
    "What is the telephone number of Bob?",  # there is no such column, so none is written
]


def main() -> None:
    database = sqlite3.connect(":memory:")
    for table, columns in TABLES.items():
        names = [*columns["numbers"], *columns["words"]]
        database.execute(f"CREATE TABLE {table} ({', '.join(names)})")
        database.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(names))})", columns["rows"])
    prompts = [f"{EXAMPLES}Question: {question}\nSQL: " for question in QUESTIONS]
    answers = relark.generate(prompts, grammar=grammar(), max_new_tokens=40)
    for question, query in zip(QUESTIONS, answers, strict=True):
        print(f"{question}\n    {query}\n    {database.execute(query).fetchall()}")
    database.close()


if __name__ == "__main__":
    main()
