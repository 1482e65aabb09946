"""Legend, scales, and what one plot does to the next."""

import numpy as np
import torch
from matplotlib.colors import to_rgb
from test_plotting import some_losses

from autograder import checks, criterion


@criterion(
    "plot_losses",
    points=2,
    title="says in a legend which line is which",
    hint="ax.plot(..., label=name), and ax.legend() at the end.",
    needs="plot_losses.lines",
)
def test_plot_losses_legend(student, rng):
    losses = some_losses(rng, 3, 3, 3)
    ax = student.plot_losses(losses, "Training")
    legend = ax.get_legend()
    checks.require(legend is not None, "there is no legend")
    checks.require(
        [t.get_text() for t in legend.get_texts()] == list(losses), "the legend must name each loss, in their order"
    )
    colours = {to_rgb(line.get_color()) for line in ax.get_lines()}
    checks.require(len(colours) == 3, "each loss must have a colour of its own")


@criterion("plot_losses", points=1, title="has a logarithmic y axis", needs="plot_losses.lines")
def test_plot_losses_scale(student, rng):
    ax = student.plot_losses(some_losses(rng, 3), "Training")
    checks.require(ax.get_yscale() == "log", "the y axis must be logarithmic")
    checks.require(ax.get_xscale() == "linear", "the x axis must not be logarithmic")


@criterion(
    "plot_losses",
    points=1,
    title="begins a new figure every time",
    hint="plt.plot draws where somebody drew last; plt.subplots() makes a new figure.",
    needs="plot_losses.lines",
)
def test_plot_losses_new_figure(student, rng):
    first, second = (student.plot_losses(some_losses(rng, n), f"{n} epochs") for n in (3, 4))
    checks.require(len(first.lines) == len(second.lines) == 1, "a second plot must not be drawn into the first")
    checks.require(first.get_title() == "3 epochs", "a second plot must leave the title of the first alone")


@criterion("show_images", points=3, title="shows the images as they are", needs="show_images.axes")
def test_show_images_greys(student, rng):
    images = torch.rand(2, 5, 4, generator=rng) / 2
    fig = student.show_images(images, ["dark", "darker"])
    for ax, image in zip(fig.axes, images, strict=True):
        shown = ax.images[0]
        colours = torch.as_tensor(np.asarray(shown.to_rgba(shown.get_array())))[..., :3].float()
        checks.require(colours.shape == (*image.shape, 3), "every image must have its own height and width")
        checks.require(torch.equal(colours.amin(dim=-1), colours.amax(dim=-1)), "the images must be grey")
        grey = (colours[..., 0] - image).abs().max()  # Greys_r is up to 0.12 brighter than gray
        checks.require(grey < 0.13, "0 must be black and 1 white, in every image")


@criterion("show_images", points=2, title="titles, and nothing else around the images", needs="show_images.axes")
def test_show_images_titles(student, rng):
    titles = ["seven", "two", "one"]
    fig = student.show_images(torch.rand(3, 4, 4, generator=rng), titles)
    checks.require([ax.get_title() for ax in fig.axes] == titles, "every image must have its title above it")
    for ax in fig.axes:
        numbers = [] if not ax.axison else [*ax.get_xticklabels(), *ax.get_yticklabels()]
        checks.require(not any(n.get_visible() for n in numbers), "no numbers must stand around an image")


@criterion(
    "show_images",
    points=1,
    title="takes a single image",
    hint="plt.subplots gives an array of axes, or just axes where there is one; squeeze=False always an array.",
    needs="show_images.axes",
)
def test_show_images_one(student, rng):
    fig = student.show_images(torch.rand(1, 4, 4, generator=rng), ["alone"])
    assert [ax.get_title() for ax in fig.axes] == ["alone"]
