"""What students can check themselves."""

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from autograder import checks, criterion


def some_losses(rng, *lengths):
    names = ("train", "validation", "test")
    return {name: torch.rand(n, generator=rng).add(0.1).tolist() for name, n in zip(names, lengths, strict=False)}


@criterion("plot_losses", points=1, title="returns the axes", hint="fig, ax = plt.subplots() gives both.")
def test_plot_losses_axes(student, rng):
    ax = student.plot_losses(some_losses(rng, 4), "Training")
    checks.require(isinstance(ax, Axes), f"axes must come back, not {checks.describe(ax)}")


@criterion("plot_losses", points=2, title="has a title and names both axes", needs="plot_losses.axes")
def test_plot_losses_names(student, rng):
    ax = student.plot_losses(some_losses(rng, 4), "How it went")
    assert ax.get_title() == "How it went"
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("epoch", "loss")


@criterion(
    "plot_losses",
    points=3,
    title="draws a line with markers for each loss, from epoch 1 on",
    hint="ax.plot(range(1, len(values) + 1), values, marker='o')",
    needs="plot_losses.axes",
)
def test_plot_losses_lines(student, rng):
    losses = some_losses(rng, 4, 6)
    ax = student.plot_losses(losses, "Training")
    assert len(ax.lines) == 2
    for line, values in zip(ax.lines, losses.values(), strict=True):
        np.testing.assert_allclose(line.get_xdata(), np.arange(1, len(values) + 1))
        np.testing.assert_allclose(line.get_ydata(), values)
        assert line.get_linestyle() != "None"
        assert line.get_marker() != "None"


@criterion("show_images", points=2, title="shows every image in axes of its own")
def test_show_images_axes(student, rng):
    fig = student.show_images(torch.rand(3, 5, 4, generator=rng), ["a", "b", "c"])
    assert isinstance(fig, Figure)
    assert len(fig.axes) == 3
    assert [len(ax.images) for ax in fig.axes] == [1, 1, 1]
    places = [ax.get_position().x0 for ax in fig.axes]
    checks.require(places[0] < places[1] < places[2], "the images must stand in a row, from left to right")
