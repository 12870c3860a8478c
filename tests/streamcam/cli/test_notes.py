"""What the engine logs while it builds reaches the terminal, and only while a run lasts."""

import logging

from streamcam.cli.terminal.notes import engine_notes


def test_lines_of_the_engine_are_said_while_a_run_lasts():
    said = []
    logger = logging.getLogger("engines.graphs.export")
    before = logging.getLogger("engines").level
    with engine_notes(said.append):
        logger.info("model: writing %s", "text_encoder")
        logger.debug("not for people")
    logger.info("nobody listens")
    assert said == ["model: writing text_encoder"]
    assert logging.getLogger("engines").level == before
