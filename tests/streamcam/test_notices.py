"""The board of a run: what is the matter, for users and for viewers."""

from streamcam.notices import Notice, NoticeBoard


def test_a_topic_has_one_notice_and_the_latest_stands_last():
    board = NoticeBoard()
    assert (board.for_users(), board.for_viewers()) == ("", "")
    board.put(Notice("source", "camera 0 was unplugged"))
    board.put(Notice("preset", "its engine is being built"))
    board.put(Notice("source", "camera 0 was unplugged; trying again"))
    assert board.for_users() == "its engine is being built · camera 0 was unplugged; trying again"
    board.settle("source")
    board.settle("source")
    assert board.for_users() == "its engine is being built"
    board.put(Notice("preset", ""))
    assert board.for_users() == ""


def test_viewers_get_the_latest_reason_that_is_one_for_them():
    board = NoticeBoard()
    board.put(Notice("engine", "it failed", "The picture engine has stopped"))
    board.put(Notice("source", "unplugged", "Waiting for the camera"))
    board.put(Notice("preset", "its engine is being built"))
    assert board.for_viewers() == "Waiting for the camera"
    board.settle("source")
    assert board.for_viewers() == "The picture engine has stopped"
    board.put(Notice("engine", "it runs on the processor"))
    assert board.for_viewers() == ""
