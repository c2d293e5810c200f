from typing import Any

from tests.postgis import cookbook
from tulip_ops.postgis.connection import Connection, connect


def test_every_question_has_the_answer_that_the_page_gives(
    database: Connection, logins: Any
) -> None:
    cookbook.fill(database)
    blocks = list(cookbook.BLOCK.finditer(cookbook.PAGE.read_text()))
    assert len(blocks) >= 20
    with connect(logins.reader, "tests") as reader:
        for block in blocks:
            assert cookbook.answer(reader, block["sql"]) == block["answer"], block["sql"]


def test_every_question_is_asked(database: Connection) -> None:
    page = cookbook.PAGE.read_text()
    assert page.count("```sql") == len(cookbook.BLOCK.findall(page)) == page.count("\n## ")
