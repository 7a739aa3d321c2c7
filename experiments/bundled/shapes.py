"""Draws the bundled pictures: 32x32 color pictures of ten figures and textures, in the manner of the data set
`shapes` that the bundled network is trained on. Needs NumPy. Usage: shapes.py FOLDER

Every picture is drawn from a seed: figure, colors, place, size, rotation, contrast and noise. The
project makes it itself, so it can be shipped and needs no download.
"""
import pathlib
import struct
import sys
import zlib

import numpy as np

CLASSES = ["disc", "ring", "square", "frame", "triangle", "cross", "stripes", "checkers", "dots", "star"]
SIZE = 32


def _figure(kind, u, v, rng):
    """Coverage in [0, 1] on rotated, centered coordinates in units of the figure's radius."""
    radius = np.hypot(u, v)
    square = np.maximum(np.abs(u), np.abs(v))
    edge = 0.12
    soft = lambda distance: np.clip(0.5 - distance / edge, 0, 1)
    if kind == "disc":
        return soft(radius - 0.9)
    if kind == "ring":
        return soft(np.abs(radius - 0.75) - 0.2)
    if kind == "square":
        return soft(square - 0.75)
    if kind == "frame":
        return soft(np.abs(square - 0.68) - 0.17)
    if kind == "triangle":
        return soft(np.maximum(v - 0.5, np.abs(u) * 0.87 - (v + 0.9) * 0.5))
    if kind == "cross":
        return soft(np.minimum(np.maximum(np.abs(u) - 0.25, np.abs(v) - 0.9),
                               np.maximum(np.abs(v) - 0.25, np.abs(u) - 0.9)))
    if kind == "star":
        angle = np.arctan2(v, u)
        return soft(radius - (0.62 + 0.33 * np.cos(5 * angle)))
    period = rng.uniform(0.55, 0.9)
    if kind == "stripes":
        return soft(np.abs((u / period) % 1 - 0.5) * period - period / 4)
    if kind == "checkers":
        cell = (np.floor(u / period) + np.floor(v / period)) % 2
        return cell.astype(np.float64)
    fraction = np.hypot((u / period) % 1 - 0.5, (v / period) % 1 - 0.5)  # dots
    return soft((fraction - 0.28) * period)


def picture(seed):
    """One picture: (label, uint8 array of shape 3 x 32 x 32)."""
    rng = np.random.default_rng(seed)
    label = int(rng.integers(len(CLASSES)))
    kind = CLASSES[label]
    texture = kind in ("stripes", "checkers", "dots")
    angle = rng.uniform(-0.5, 0.5) if not texture else rng.uniform(0, np.pi)
    scale = rng.uniform(6.5, 11.5)
    center = SIZE / 2 + rng.uniform(-5, 5, 2)
    y, x = np.mgrid[0:SIZE, 0:SIZE] + 0.5
    dx, dy = (x - center[0]) / scale, (y - center[1]) / scale
    u, v = dx * np.cos(angle) + dy * np.sin(angle), dy * np.cos(angle) - dx * np.sin(angle)
    coverage = _figure(kind, u, v, rng)
    back, front = rng.uniform(0, 1, 3), rng.uniform(0, 1, 3)
    while np.abs(back - front).sum() < 0.5:
        front = rng.uniform(0, 1, 3)
    slope = rng.uniform(-0.2, 0.2, (3, 2))
    shade = slope[:, 0, None, None] * (x / SIZE - 0.5) + slope[:, 1, None, None] * (y / SIZE - 0.5)
    image = back[:, None, None] * (1 - coverage) + front[:, None, None] * coverage + shade
    image += rng.normal(0, rng.uniform(0.02, 0.12), image.shape)
    return label, np.clip(np.rint(image * 255), 0, 255).astype(np.uint8)


def write_png(path, image):
    """Writes a 3 x H x W uint8 array."""
    _, height, width = image.shape
    rows = np.concatenate([np.zeros((height, 1), np.uint8),
                           image.transpose(1, 2, 0).reshape(height, width * 3)], axis=1)

    def chunk(tag, body):
        return struct.pack(">I", len(body)) + tag + body + struct.pack(">I", zlib.crc32(tag + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) +
                     chunk(b"IDAT", zlib.compress(rows.tobytes(), 9)) + chunk(b"IEND", b""))


def main():
    shown, seed = {}, 20_000_000
    while len(shown) < len(CLASSES):
        label, image = picture(seed)
        shown.setdefault(label, image)
        seed += 1
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for label, image in sorted(shown.items()):
        write_png(folder / f"{label}_{CLASSES[label]}.png", image)


if __name__ == "__main__":
    main()
