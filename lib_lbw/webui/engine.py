"""What analyses draw with: the WebUI's processing, its state and its results."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from PIL import Image


@dataclass(frozen=True)
class Engine:
    """`process(job)` draws one job, and `state` says how far it is and whether to stop.

    `fix_seed(job)` draws a seed for -1, `expect_steps` tells the progress bar of the console the steps to come,
    `processed` is the class of results, and `save_grid(job, picture, parameters)` saves a grid as the settings say.
    """

    process: Callable[[Any], Any]
    state: Any
    fix_seed: Callable[[Any], None]
    expect_steps: Callable[[int], None]
    processed: Callable[..., Any]
    save_grid: Callable[[Any, Image.Image, str], None]


def webui_engine() -> Engine:
    """Return the engine of the WebUI that runs."""
    from modules import images, processing, shared

    def save_grid(job: Any, grid: Image.Image, parameters: str) -> None:
        if shared.opts.grid_save and not job.do_not_save_grid:
            images.save_image(
                grid,
                job.outpath_grids,
                "lbw",
                seed=job.seed,
                prompt=job.prompt,
                extension=shared.opts.grid_format,
                info=parameters,
                grid=True,
                p=job,
            )

    return Engine(
        process=processing.process_images,
        state=shared.state,
        fix_seed=processing.fix_seed,
        expect_steps=shared.total_tqdm.updateTotal,
        processed=processing.Processed,
        save_grid=save_grid,
    )
