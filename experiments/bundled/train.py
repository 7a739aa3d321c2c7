#!/usr/bin/env python3
"""Makes the bundled network: trains a small residual CNN on procedural pictures, prunes it in coarse
blocks (16 outputs share an index) with fine-tuning, and exports it.

    experiments/bundled/run.sh        # needs Debian's python3-torch; about ten minutes on two cores

Writes data/bundled/shapes_net.onnx, data/bundled/pictures/*.png and experiments/bundled/results.json.
Interrupting loses nothing: a checkpoint after every epoch lets the same command go on.
"""
import argparse
import json
import pathlib
import time

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

import shapes

ROOT = pathlib.Path(__file__).resolve().parents[2]
TRAIN, TEST = 20000, 2000
TEST_SEED = 10_000_000
PICTURE_SEED = 20_000_000


class Residual(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        return F.relu(x + self.bn2(self.conv2(y)))


class ShapesNet(nn.Module):
    """stem 32 - residual - pool - 64 - residual - pool - 96 - global average - 10 classes."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 32, 3, padding=1, bias=False)
        self.stem_bn = nn.BatchNorm2d(32)
        self.block1 = Residual(32)
        self.widen1 = nn.Conv2d(32, 64, 3, padding=1, bias=False)
        self.widen1_bn = nn.BatchNorm2d(64)
        self.block2 = Residual(64)
        self.widen2 = nn.Conv2d(64, 96, 3, padding=1, bias=False)
        self.widen2_bn = nn.BatchNorm2d(96)
        self.classify = nn.Linear(96, len(shapes.CLASSES))

    def forward(self, x):
        x = self.block1(F.relu(self.stem_bn(self.stem(x))))
        x = F.max_pool2d(x, 2)
        x = self.block2(F.relu(self.widen1_bn(self.widen1(x))))
        x = F.max_pool2d(x, 2)
        x = F.relu(self.widen2_bn(self.widen2(x)))
        return self.classify(F.adaptive_avg_pool2d(x, 1).flatten(1))


def coarse_mask(weight, density):
    """Keeps the blocks of 16 outputs with the largest mean |w|; 1x1x16 windows, classifier 16x16."""
    matrix = weight.detach().reshape(weight.shape[0], -1)
    rows = -(-matrix.shape[0] // 16)
    scores = torch.stack([matrix[16 * r:16 * r + 16].abs().mean(0) for r in range(rows)])
    kept = max(1, int(round(density * scores.numel())))
    threshold = scores.flatten().sort(descending=True).values[kept - 1]
    blocks = (scores >= threshold).float()
    mask = blocks.repeat_interleave(16, 0)[:matrix.shape[0]]
    return mask.reshape(weight.shape)


def accuracy(net, pixels, labels):
    net.eval()
    with torch.no_grad():
        right = sum((net(pixels[i:i + 500]).argmax(1) == labels[i:i + 500]).sum().item()
                    for i in range(0, len(pixels), 500))
    return 100.0 * right / len(pixels)


class Trainer:
    """Epochs under masks, with a checkpoint after each."""

    def __init__(self, net, data, checkpoint):
        self.net, self.data, self.checkpoint = net, data, checkpoint
        self.masks, self.log, self.done, self.planned = {}, [], 0, 0
        if checkpoint.exists():
            state = torch.load(checkpoint)
            net.load_state_dict(state["net"])
            self.masks, self.log, self.done = state["masks"], state["log"], state["done"]

    def apply_masks(self):
        with torch.no_grad():
            for name, parameter in self.net.named_parameters():
                if name in self.masks:
                    parameter.mul_(self.masks[name])

    def prune(self, density):
        for name, parameter in self.net.named_parameters():
            if parameter.dim() == 4 and name != "stem.weight":
                self.masks[name] = coarse_mask(parameter, density)
        self.apply_masks()

    def phase(self, title, epochs, rate, before=None):
        """One training phase; skipped up to where the checkpoint got."""
        first, end = self.planned, self.planned + epochs
        self.planned = end
        if self.done >= end:
            return
        if before and self.done == first:
            before()
        train_x, train_y, test_x, test_y = self.data
        optimizer = torch.optim.SGD(self.net.parameters(), lr=rate, momentum=0.9, weight_decay=5e-4)
        for epoch in range(self.done - first, epochs):
            torch.manual_seed(1000 + first + epoch)
            for group in optimizer.param_groups:
                group["lr"] = rate * 0.5 * (1 + np.cos(np.pi * epoch / epochs))
            self.net.train()
            began = time.time()
            for index in torch.randperm(len(train_x)).split(128):
                optimizer.zero_grad()
                F.cross_entropy(self.net(train_x[index]), train_y[index], label_smoothing=0.05).backward()
                optimizer.step()
                self.apply_masks()
            top1 = accuracy(self.net, test_x, test_y)
            self.log.append({"phase": title, "epoch": epoch + 1, "top1": top1})
            self.done = first + epoch + 1
            torch.save({"net": self.net.state_dict(), "masks": self.masks, "log": self.log,
                        "done": self.done}, self.checkpoint)
            print(f"{title} {epoch + 1}/{epochs}: top-1 {top1:.2f} % ({time.time() - began:.0f} s)", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", type=pathlib.Path, default=pathlib.Path("out/shapes_net.pt"))
    parser.add_argument("--density", type=float, default=0.25)
    args = parser.parse_args()
    args.checkpoint.parent.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(1)
    torch.set_num_threads(2)
    print("drawing pictures", flush=True)
    data = [torch.from_numpy(a) for a in (*shapes.batch(0, TRAIN), *shapes.batch(TEST_SEED, TEST))]
    net = ShapesNet()
    trainer = Trainer(net, data, args.checkpoint)
    trainer.phase("dense", 8, 0.05)
    for density in (0.5, 0.35, args.density):
        trainer.phase(f"density {density}", 3, 0.02, before=lambda d=density: trainer.prune(d))

    out = ROOT / "data/bundled"
    (out / "pictures").mkdir(parents=True, exist_ok=True)
    net.eval()
    torch.onnx.export(net, torch.zeros(1, 3, 32, 32), out / "shapes_net.onnx", opset_version=13,
                      input_names=["input"], output_names=["logits"],
                      training=torch.onnx.TrainingMode.PRESERVE, do_constant_folding=False)
    shown = {}
    seed = PICTURE_SEED
    while len(shown) < len(shapes.CLASSES):
        label, image = shapes.picture(seed)
        shown.setdefault(label, image)
        seed += 1
    for label, image in sorted(shown.items()):
        shapes.write_png(out / "pictures" / f"{label}_{shapes.CLASSES[label]}.png", image)
    weights = sum(p.numel() for p in net.parameters() if p.dim() > 1)
    kept = sum(int((p != 0).sum()) for p in net.parameters() if p.dim() > 1)
    results = {"test_pictures": TEST, "weights": weights, "kept": kept, "density": kept / weights,
               "dense_top1": max(e["top1"] for e in trainer.log if e["phase"] == "dense"),
               "pruned_top1": accuracy(net, data[2], data[3]), "log": trainer.log}
    (ROOT / "experiments/bundled/results.json").write_text(json.dumps(results, indent=1) + "\n")
    print(f"dense {results['dense_top1']:.2f} %, pruned {results['pruned_top1']:.2f} % with "
          f"{kept} of {weights} weights")


if __name__ == "__main__":
    main()
