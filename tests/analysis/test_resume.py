"""A results folder taken up again: what counts as done, what is read, what is measured anew."""

import json
import os
from dataclasses import replace

import pytest
from PIL import Image

from lib_lbw.analysis import run as run_module
from lib_lbw.analysis.bench import Bench
from lib_lbw.analysis.cell import AnalysisPlan
from lib_lbw.analysis.journal import check_folder
from lib_lbw.analysis.plan import plan
from lib_lbw.analysis.run import read_results, run_analysis
from lib_lbw.analysis.sources import lora_identity, model_identity, with_sources
from lib_lbw.analysis.study import BlockStudy
from lib_lbw.blocks.family import family
from lib_lbw.errors import AnalysisError, LbwError

PLAN = plan(BlockStudy("a cat <lora:paint:1>", blocks="IN01,OUT11", seeds=(1, 2)), Bench(family("sd1")))


class Batches:
    """Draws `size` pictures at once: their steps first, then the pictures; `clock` counts the steps as seconds."""

    def __init__(self, size=1, fail_after=None):
        self.size, self.fail_after = size, fail_after
        self.drawn, self.seconds = 0, 0

    def generate_many(self, requests, on_image, on_step, should_stop):
        steps = 4 * len(requests)
        for begin in range(0, len(requests), self.size):
            batch = range(begin, min(begin + self.size, len(requests)))
            for step in range(1, 5):
                self.seconds += len(batch)
                on_step(4 * begin + step * len(batch), steps)
            for index in batch:
                if self.drawn == self.fail_after:
                    raise RuntimeError("out of memory")
                self.drawn += 1
                on_image(index, Image.new("RGB", (8, 8), (30 * index, 9, requests[index].seed)), "text")

    def clock(self):
        return self.seconds


def drawn_for(made, folder):
    generator = Batches()
    run_analysis(made, generator, folder)
    return generator.drawn


@pytest.fixture
def measured(monkeypatch):
    """Count how often pictures are measured."""
    calls = []
    real = run_module.measure
    monkeypatch.setattr(run_module, "measure", lambda *given: (calls.append(given), real(*given))[1])
    return calls


@pytest.mark.parametrize("changed", ["model", "lora:paint", "lora:other"])
def test_another_model_or_lora_is_drawn_again(tmp_path, changed):
    sources = {"model": "a, float32", "lora:paint": "1 bytes", "lora:other": "2 bytes"}
    made = replace(PLAN, sources=sources)
    assert drawn_for(made, tmp_path) == 8
    assert drawn_for(made, tmp_path) == 0
    assert drawn_for(replace(PLAN, sources={**sources, changed: "another"}), tmp_path) == 8
    assert drawn_for(made, tmp_path) == 0, "the first pictures are still there"


def test_sources_go_to_json_and_back_and_may_be_missing():
    made = replace(PLAN, sources={"model": "a"})
    data = json.loads(json.dumps(made.to_json()))
    assert AnalysisPlan.from_json(data) == made
    del data["sources"]
    assert AnalysisPlan.from_json(data) == PLAN


def lora_file(path, payload, **metadata):
    """Write a LoRA of one tensor of bytes."""
    entry = {"dtype": "U8", "shape": [len(payload)], "data_offsets": [0, len(payload)]}
    header = json.dumps({"__metadata__": metadata, "lora_unet_mid_block_x.alpha": entry}).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + payload)
    os.utime(path, ns=(1, 1))
    return path


def test_a_lora_is_known_by_its_hash_or_by_size_and_time(tmp_path):
    path, copy = tmp_path / "paint.safetensors", tmp_path / "copy.safetensors"
    before = lora_identity(lora_file(path, b"1234"))
    assert lora_identity(lora_file(copy, b"12345")) != before
    os.utime(path, ns=(2, 2))
    assert lora_identity(path) != before
    hashed = lora_identity(lora_file(path, b"1234", sshs_model_hash="abc"))
    os.utime(path, ns=(2, 2))
    assert lora_identity(path) == hashed, "a copy is the same LoRA"
    assert lora_identity(lora_file(copy, b"1235", sshs_model_hash="abd")) != hashed
    with pytest.raises(LbwError):
        lora_identity(tmp_path / "nowhere.safetensors")


def test_a_model_is_known_by_file_time_and_dtype(tmp_path):
    model = tmp_path / "model"
    (model / "unet").mkdir(parents=True)
    weights = model / "unet" / "weights.safetensors"
    weights.write_bytes(b"1234")
    before = model_identity(model, "float32")
    assert before == model_identity(model, "float32")
    assert before != model_identity(model, "float16")
    os.utime(weights, ns=(10**18, 10**18 + 1))
    assert before != model_identity(model, "float32")
    assert model_identity(weights, "float32") != model_identity(model, "float32")


def test_sources_are_the_model_and_every_lora_of_the_prompt(tmp_path):
    paths = {name: lora_file(tmp_path / f"{name}.safetensors", b"1") for name in ("paint", "other", "unused")}
    made = plan(BlockStudy("<lora:paint:1:lbw=XYZ><lora:other:1>", blocks="IN01"), Bench(family("sd1")))
    sources = with_sources(made, "m", paths).sources
    assert sources == {"model": "m", **{f"lora:{name}": lora_identity(paths[name]) for name in ("paint", "other")}}
    assert set(with_sources(made, "m", {"paint": paths["paint"]}).sources) == {"model", "lora:paint"}


def test_results_are_read_and_not_measured_again_while_nothing_changed(tmp_path, measured):
    results = run_analysis(PLAN, Batches(), tmp_path, notices=lambda: ("the model lacks a module",))
    assert len(measured) == 1
    assert read_results(tmp_path) == results
    assert run_analysis(PLAN, Batches(), tmp_path) == results
    assert len(measured) == 1


def change_threshold(folder):
    record = json.loads((folder / "run.json").read_text("utf-8"))
    record["plan"]["threshold"] = 3
    (folder / "run.json").write_text(json.dumps(record), "utf-8")


def change_picture(folder):
    picture = next((folder / "cells").iterdir())
    Image.new("RGB", (8, 8)).save(picture)
    later = (folder / "results.json").stat().st_mtime_ns + 1_000_000
    os.utime(picture, ns=(later, later))


def lose_picture(folder):
    next((folder / "cells").iterdir()).unlink()


def lose_grid(folder):
    (folder / "grid.png").unlink()


def damage_results(folder):
    (folder / "results.json").write_text('{"cells": [3]}', "utf-8")


def change_number(folder):
    text = (folder / "results.json").read_text("utf-8")
    data = json.loads(text)
    data["rows"][0]["kind"] = "other"
    (folder / "results.json").write_text(json.dumps(data), "utf-8")


@pytest.mark.parametrize(
    "change", [change_threshold, change_picture, lose_picture, lose_grid, damage_results, change_number]
)
def test_a_folder_that_changed_is_measured_anew(tmp_path, measured, change):
    run_analysis(PLAN, Batches(), tmp_path)
    change(tmp_path)
    results = read_results(tmp_path)
    assert len(measured) == 2
    assert results.complete == (change is not lose_picture)
    assert results == read_results(tmp_path)
    assert len(measured) == 2


def test_a_folder_without_a_run_has_no_results(tmp_path):
    with pytest.raises(AnalysisError, match="is not there"):
        read_results(tmp_path)


def test_the_plan_is_written_once_and_pictures_are_appended(tmp_path):
    written = []

    def on_progress(progress):
        written.append((tmp_path / "run.json").stat().st_mtime_ns)
        lines = (tmp_path / "done.jsonl").read_text("utf-8").splitlines()
        assert len(lines) == progress.done

    run_analysis(PLAN, Batches(), tmp_path, on_progress=on_progress)
    assert len(written) == 9
    assert len(set(written)) == 1
    assert set(json.loads((tmp_path / "run.json").read_text("utf-8"))) == {"plan"}


@pytest.mark.parametrize("tail", ['{"picture": "ab', '{"picture": "ab"}\n', "[]\n", "\x00\n", "null\n"])
def test_a_line_cut_short_by_a_crash_costs_only_its_picture(tmp_path, tail):
    with pytest.raises(RuntimeError, match="out of memory"):
        run_analysis(PLAN, Batches(fail_after=3), tmp_path)
    with (tmp_path / "done.jsonl").open("a", encoding="utf-8") as file:
        file.write(tail)
    check_folder(tmp_path, PLAN)
    assert drawn_for(PLAN, tmp_path) == 5
    assert drawn_for(PLAN, tmp_path) == 0


@pytest.mark.parametrize("size", [1, 4, 8])
def test_the_time_left_goes_by_the_steps_where_pictures_are_drawn_together(tmp_path, size):
    generator, seen = Batches(size), []
    run_analysis(PLAN, generator, tmp_path, on_progress=seen.append, clock=generator.clock)
    told = [progress.seconds_left for progress in seen[1:]]
    batches = [min(size * (index // size + 1), 8) for index in range(8)]
    assert told == pytest.approx([4 * (8 - done) for done in batches])


def test_notices_of_plan_and_generator_reach_json_and_report(tmp_path):
    made = replace(PLAN, notices=("of the plan", "of both"))
    results = run_analysis(made, Batches(), tmp_path, notices=lambda: ("of both", "of the model"))
    assert results.notices == ("of the plan", "of both", "of the model")
    assert json.loads((tmp_path / "results.json").read_text("utf-8"))["notices"] == list(results.notices)
    assert "of the model" in results.report.read_text("utf-8")
