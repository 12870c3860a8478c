"""Television's interlaced pictures come without combs, in their time and number."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
import pytest
from test_source_video import everything

from streamcam.capture import Wanted, open_source

AT_ONCE = Wanted(realtime=False, loop=False)
SIZE = (192, 96)


def moving(time):
    """A light square that moves 4 pixels a field over a dark, striped ground."""
    pixels = np.full((SIZE[1], SIZE[0], 3), 60, np.uint8)
    pixels[:, ::32] = 110
    left = 4 * time
    pixels[24:72, left : left + 48] = 220
    return pixels


def interlaced(index):
    """Two moments in one picture: even lines first."""
    picture = moving(2 * index)
    picture[1::2] = moving(2 * index + 1)[1::2]
    return picture


def write(path, codec, pictures, fields=False, **options):
    """A film at 25 pictures a second, of whole pictures or of `fields`."""
    with av.open(str(path), "w") as film:
        stream = film.add_stream(codec, 25, options=options)
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        graph = None
        for index, pixels in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(pixels, "rgb24").reformat(format="yuv420p")
            frame.pts, frame.time_base = index, Fraction(1, 25)
            if graph is None:
                graph = av.filter.Graph()
                source = graph.add_buffer(
                    width=SIZE[0], height=SIZE[1], format="yuv420p", time_base=Fraction(1, 25)
                )
                mark = graph.add("setfield", "tff" if fields else "prog")
                graph.link_nodes(source, mark, graph.add("buffersink")).configure()
            graph.vpush(frame)
            film.mux(stream.encode(graph.vpull()))
        film.mux(stream.encode())
    return path


def combs(pixels):
    """How much lines differ from both their neighbours: tall where fields show two moments."""
    grey = pixels[..., 1].astype(int)
    middle = 2 * grey[1:-1] - grey[:-2] - grey[2:]
    return np.abs(middle).mean()


INTERLACED = {
    "mpeg2": ("i.ts", "mpeg2video", {"flags": "+ildct+ilme", "q": "2", "bf": "2"}),
    "h264": ("i.mp4", "libx264", {"flags": "+ildct+ilme", "crf": "8", "x264-params": "tff=1"}),
}


@pytest.mark.parametrize("kind", INTERLACED)
def test_interlaced_films_have_no_combs(tmp_path, kind):
    name, codec, options = INTERLACED[kind]
    pictures = [interlaced(index) for index in range(12)]
    path = write(tmp_path / name, codec, pictures, fields=True, **options)
    with av.open(str(path)) as film:
        coded = list(film.decode(video=0))
    assert all(picture.interlaced_frame for picture in coded)
    frames = everything(open_source(str(path), AT_ONCE))
    assert len(frames) == 12  # one for one, the last one too
    times = [frame.media_time for frame in frames]
    assert times == pytest.approx([index / 25 for index in range(12)])
    before = np.mean([combs(picture) for picture in pictures])
    after = np.mean([combs(frame.pixels) for frame in frames])
    assert after < before / 4
    for index, frame in enumerate(frames):  # the moment of its first field
        wanted = moving(2 * index).astype(int)
        other = moving(2 * index + 1).astype(int)
        error = np.abs(frame.pixels - wanted).mean()
        assert error < np.abs(frame.pixels - other).mean()
        assert error < 4


def test_whole_pictures_are_untouched(tmp_path):
    pictures = [moving(2 * index) for index in range(6)]
    path = write(tmp_path / "p.ts", "mpeg2video", pictures, q="2")
    with av.open(str(path)) as film:
        expected = [
            picture.to_ndarray(format="rgb24", src_colorspace="ITU601")
            for picture in film.decode(video=0)
        ]
    got = [frame.pixels for frame in everything(open_source(str(path), AT_ONCE))]
    assert len(got) == 6
    for pixels, picture in zip(got, expected, strict=True):
        assert np.abs(pixels.astype(int) - picture).max() <= 1


def test_an_interlaced_film_loops_whole(tmp_path):
    name, codec, options = INTERLACED["mpeg2"]
    path = write(tmp_path / name, codec, [interlaced(i) for i in range(8)], fields=True, **options)
    source = open_source(str(path), Wanted(realtime=False))
    rounds = [[source.read().pixels.tobytes() for _ in range(8)] for _ in range(3)]
    assert rounds[0] == rounds[1] == rounds[2]
    assert len(set(rounds[0])) == 8


def test_films_that_change_between_whole_and_interlaced(tmp_path):
    name, codec, options = INTERLACED["mpeg2"]
    first = write(tmp_path / "a.ts", codec, [moving(2 * i) for i in range(6)], **options)
    second = write(
        tmp_path / name, codec, [interlaced(i) for i in range(6)], fields=True, **options
    )
    path = tmp_path / "both.ts"
    path.write_bytes(first.read_bytes() + second.read_bytes())
    with av.open(str(path)) as film:
        count = sum(1 for _ in film.decode(video=0))
    frames = everything(open_source(str(path), AT_ONCE))
    assert len(frames) == count
    assert max(combs(frame.pixels) for frame in frames) < combs(interlaced(3)) / 3
