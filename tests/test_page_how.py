"""How it works, alive: its figures show what the engine and PyTorch say of the visitor's own drawing."""

import base64
import json
import re

import pytest
import torch
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

import pixelcnn
from pixelcnn.density.receptive_field import receptive_field
from tests.page_browser import devices, stroke, wait_for_completions
from tests.page_server import ROOT, tiny_models

pytestmark = pytest.mark.browser

ROWS, SEED, COUNT = 14, 7, 8
NUMBER = r"\d+(?:\.\d+)?"


@pytest.fixture(scope="module")
def top():
    """A drawing of two levels, blank below its first rows: (1, 1, 28, 28)."""
    levels = torch.zeros(1, 1, 28, 28, dtype=torch.long)
    levels[..., 6:9, 8:20] = 1
    levels[..., 9:ROWS, 17:20] = 1
    return levels


@pytest.fixture(scope="module")
def drawn(top):
    """The completion that PyTorch draws first."""
    model = tiny_models()["binary"]
    return pixelcnn.complete(model, top, rows=ROWS, count=COUNT, seed=SEED, freehand=True)


def query(top, **more):
    """An address that shows How it works of a drawing."""
    bits = "".join(str(int(level)) for level in top.flatten())
    data = int(bits, 2).to_bytes(len(bits) // 8)
    ink = base64.urlsafe_b64encode(data).decode().rstrip("=")
    settings = {"view": "how", "model": "binary", "ink": ink, "rows": ROWS, "seed": SEED} | more
    return "&".join(f"{name}={value}" for name, value in settings.items())


def alive(page):
    """Until the figures are there."""
    expect(page.locator("#view-how")).to_have_attribute("data-seed", re.compile(r"\d"))
    expect(page.locator("#view-how svg").first).to_be_visible()
    return page


def number_after(words, text):
    return float(re.search(rf"{words} ({NUMBER})", text)[1])


def seen_by(field, index):
    """How many earlier pixels are seen from one of an image of 28 by 28."""
    row, column = divmod(index, 28)
    earlier = [divmod(at, 28) for at in range(index)]
    return sum(bool(field[row - i][j - column + 27]) for i, j in earlier)


def level_at(page, selector, index):
    """1 if there is ink at a pixel of a canvas, else 0."""
    return page.eval_on_selector(
        selector,
        """(canvas, at) => {
          const context = canvas.getContext("2d");
          return context.getImageData(at % 28, Math.floor(at / 28), 1, 1).data[3] > 0 ? 1 : 0;
        }""",
        index,
    )


def test_nothing_of_it_is_fetched_before_it_is_opened(visit, tab):
    asked = []

    def note(request):
        asked.append(request.url)

    tab.on("request", note)
    page = visit()
    wait_for_completions(page)
    later = [url for url in asked if re.search(r"js/how/|how\.css|tour|metrics|samples", url)]
    assert later == []
    page.get_by_role("tab", name="How it works").click()
    alive(page)
    tab.remove_listener("request", note)
    assert any(url.endswith("js/how/view.js") for url in asked)
    assert not any("tour" in url or "samples" in url for url in asked)


@devices
def test_the_stepper_shows_the_dice_and_the_pixels_of_the_sampler(visit, device, top, drawn):
    page = alive(visit(query(top), **device))
    stepper = page.locator(".stepper")
    levels = drawn.levels[0].flatten()
    inked = drawn.expected[0].flatten()
    uniforms = torch.rand(COUNT, 784, generator=torch.Generator().manual_seed(SEED))[0]
    field = receptive_field(tiny_models()["binary"])
    phases = stepper.locator(".phases li")
    seen = set()
    for _ in range(6):
        stepper.get_by_role("button", name="Next in doubt").click()
        index = int(stepper.get_attribute("data-index"))
        assert index >= ROWS * 28
        assert 0.1 < inked[index] < 0.9
        expect(phases.nth(0)).to_contain_text(f"looks at {seen_by(field, index)} earlier pixel")
        assert level_at(page, ".stepper canvas", index) == 0
        for phase in range(1, 4):
            expect(phases.nth(phase).locator("p")).to_be_hidden()
            stepper.get_by_role("button", name="Step").click()
            expect(phases.nth(phase).locator("p")).to_be_visible()
            expect(phases.nth(phase)).to_have_attribute("aria-current", "step")
        answer, die, pixel = (phases.nth(k).inner_text() for k in (1, 2, 3))
        p = float(inked[index])
        assert number_after("probability", answer) == pytest.approx(p, abs=6e-4)
        assert number_after("shows", die) == pytest.approx(float(uniforms[index]), abs=6e-4)
        assert number_after("below", die) == pytest.approx(1 - p, abs=6e-4)
        level = int(levels[index])
        assert f"So it is {'ink' if level else 'paper'}." in pixel
        assert level == (float(uniforms[index]) >= 1 - p)
        cost = -float(drawn.log_prob[0].flatten()[index])
        assert number_after("costs", pixel) == pytest.approx(cost, abs=6e-3)
        assert level_at(page, ".stepper canvas", index) == level
        line = stepper.locator(".number-line").last
        box, mark = line.bounding_box(), line.locator(".die").bounding_box()
        part = (mark["x"] + mark["width"] / 2 - box["x"]) / box["width"]
        assert part == pytest.approx(float(uniforms[index]), abs=0.02)
        seen.add(level)
    assert seen == {0, 1}


def test_the_stepper_goes_on_to_the_next_pixel_and_back_by_keyboard(visit, top):
    page = alive(visit(query(top)))
    stepper = page.locator(".stepper")
    stepper.locator("canvas").first.focus()
    index = int(stepper.get_attribute("data-index"))
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    expect(stepper).to_have_attribute("data-index", str(index + 1))
    expect(stepper).to_have_attribute("data-phase", "0")
    page.keyboard.press("ArrowLeft")
    expect(stepper).to_have_attribute("data-index", str(index))
    expect(stepper).to_have_attribute("data-phase", "3")
    play = stepper.locator(".primary")
    page.keyboard.press("Space")
    expect(play).to_have_text("Pause")
    expect(stepper).not_to_have_attribute("data-index", str(index))
    page.keyboard.press("Space")
    expect(play).to_have_text("Play")


def test_a_pixel_is_gone_to_by_a_tap(visit, top):
    page = alive(visit(query(top), width=375))
    canvas = page.locator(".stepper canvas").first
    size = canvas.bounding_box()["width"] / 28
    canvas.click(position={"x": 5.5 * size, "y": 20.5 * size})
    expect(page.locator(".stepper")).to_have_attribute("data-index", str(20 * 28 + 5))
    canvas.click(position={"x": 5.5 * size, "y": 2.5 * size})  # was given, not drawn
    expect(page.locator(".stepper")).to_have_attribute("data-index", str(20 * 28 + 5))


PASSES = """async (given) => {
  const { Pool } = await import(new URL("engine/pool.js", location.href));
  const pool = new Pool({ size: 1 });
  await pool.load("binary", "../weights/binary/");
  const levels = Uint8Array.from(given.levels);
  const { samples } = await pool.complete({ model: "binary", freehand: true, ...given, levels });
  pool.close();
  return samples[0].passes;
}"""


@devices
def test_a_row_is_corrected_in_the_passes_that_the_engine_counts(visit, device, top, drawn):
    page = alive(visit(query(top), **device))
    rows = page.locator(".rows")
    given = {"levels": top.flatten().tolist(), "rows": ROWS, "count": COUNT, "seed": SEED}
    passes = page.evaluate(PASSES, given)
    count = rows.locator(".row-count")
    expect(count).to_contain_text("0 passes so far; pixel by pixel it would have been 0.")
    expect(rows.locator(".row-words")).to_contain_text("Row 14 is guessed: like the row above.")
    before = 0
    for _ in range(3):
        rows.get_by_role("button", name="Step").click()
        now = float(rows.get_attribute("data-passes"))
        assert 0 < now - before <= 8 / 28 + 1e-9
        before = now
        settled = int(re.search(r"would have been (\d+)\.", count.inner_text())[1])
        assert 0 < settled <= 28
    rows.get_by_role("button", name="Next row").click()
    expect(count).to_contain_text("it would have been 28.")
    rows.get_by_role("button", name="To the end").click()
    assert float(rows.get_attribute("data-passes")) == pytest.approx(passes)
    expect(count).to_contain_text(f"{passes:.1f}".removesuffix(".0") + " passes so far")
    expect(count).to_contain_text("pixel by pixel it would have been 392.")
    expect(count).to_contain_text("a whole digit has 784")
    last = [level_at(page, ".rows canvas", at) for at in range(27 * 28, 784)]
    assert last == drawn.levels[0, 0, 27].tolist()
    rows.get_by_role("button", name="Back").click()
    assert float(rows.get_attribute("data-passes")) < passes


def test_the_rows_play_by_keyboard_and_do_not_play_by_themselves(visit, top):
    page = alive(visit(query(top)))
    rows = page.locator(".rows")
    page.wait_for_timeout(300)
    expect(rows).to_have_attribute("data-done", "0")
    rows.get_by_role("button", name="Back").focus()
    page.keyboard.press("ArrowRight")
    expect(rows).to_have_attribute("data-done", "1")
    rows.locator(".primary").focus()
    page.keyboard.press("Enter")
    expect(rows.locator(".primary")).to_have_text("Pause")
    expect(rows).not_to_have_attribute("data-done", "1")
    page.get_by_role("tab", name="Draw").click()
    page.get_by_role("tab", name="How it works").click()
    expect(rows.locator(".primary")).to_have_text("Play")  # what nobody sees stops


@devices
def test_the_blind_spot_is_the_one_that_python_measures(visit, device, top):
    page = alive(visit(query(top), **device))
    models = tiny_models()
    residual, gated = (receptive_field(models[name]) for name in ("residual", "binary"))
    sight = page.locator(".sight")
    screen = sight.locator(".plate").first
    screen.scroll_into_view_if_needed()
    size = screen.bounding_box()["width"] / 28
    index = 12 * 28 + 5
    screen.click(position={"x": 5.5 * size, "y": 12.5 * size})
    counts = sight.locator(".sight-count")
    masked, both = seen_by(residual, index), seen_by(gated, index)
    expect(counts.nth(0)).to_have_text(f"sees {masked} of {index} earlier pixels")
    expect(counts.nth(3)).to_have_text(f"sees {both} of {index} earlier pixels")
    parts = [int(re.search(NUMBER, counts.nth(k).inner_text())[0]) for k in (1, 2)]
    assert parts[1] <= 5  # in its own row
    assert sum(parts) >= both
    expect(sight.locator(".sight-words")).to_contain_text(f"{both - masked} earlier pixels lie")
    assert both > masked
    sight.locator(".sight-panels").focus()
    page.keyboard.press("ArrowDown")
    expect(sight).to_have_attribute("data-index", str(index + 28))


def test_the_networks_are_drawn_with_the_names_of_the_code(visit, top):
    page = alive(visit(query(top)))
    for name, architecture in (("binary", "gated"), ("residual", "residual")):
        page.locator(f"[name=model][value={name}]").check(force=True)
        used = page.locator(".network.used")
        expect(used).to_have_count(1)
        expect(used).to_contain_text(architecture)
        expect(used).to_contain_text("in use")
        code = {
            part
            for key, _ in tiny_models()[name].network.named_modules()
            for part in key.split(".")
        }
        code |= {"levels", "logits", "gate", "relu", "blocks", "v", "h", "a", "+"}
        words = set()
        for text in used.locator("text:not(.what)").all_text_contents():
            words |= set(re.findall(r"[a-z_]+", text))
        assert words - code - {"vertical", "horizontal", "block"} == set()
        assert len(words & code) > 6


def test_the_whole_digit_in_bits_and_the_ten_terms_of_the_mixture(visit, top, drawn):
    page = alive(visit(query(top)))
    model = tiny_models()["binary"]
    with torch.no_grad():
        whole = -float(model.log_prob(drawn.levels[:1], freehand=True).sum())
        each = model.class_log_prob(top, freehand=True)[0, :, :, :ROWS].double()
    bits = page.locator(".bits")
    assert float(bits.get_attribute("data-nats")) == pytest.approx(whole, rel=1e-4)
    expect(bits).to_contain_text(f"{round(whole / 0.6931472)} of 784 bits")
    terms = each.flatten(1).sum(1) - torch.tensor(10.0).log()
    told = page.locator(".mixture tbody tr").evaluate_all(
        "all => all.map((row) => Number(row.dataset.term))"
    )
    assert told == pytest.approx(terms.tolist(), abs=1e-3)
    widths = page.locator(".mixture .share").evaluate_all(
        "all => all.map((bar) => parseFloat(bar.style.width))"
    )
    assert widths == pytest.approx((100 * terms.softmax(0)).tolist(), abs=0.05)
    page.locator("[name=model][value=gray]").check(force=True)
    expect(page.locator("#view-how")).to_contain_text("knows no classes")


def test_the_figures_follow_the_drawing(visit):
    page = visit("view=how&seed=3")
    alive(page)
    about = page.locator("[data-figure=about]")
    expect(about).to_contain_text("a first example, as your pad is empty")
    page.get_by_role("tab", name="Draw").click()
    stroke(page, [(8, 6), (14, 3), (19, 6)])
    page.get_by_role("tab", name="How it works").click()
    expect(about).to_contain_text("your drawing")
    expect(about).to_contain_text("seed 3.")


def test_the_figures_are_at_temperature_one_and_say_so(visit, top):
    page = alive(visit(query(top, temperature=0.5)))
    expect(page.locator("[data-figure=about]")).to_contain_text("seed 7, here at temperature 1.")


def test_greys_are_stepped_through_too(visit):
    page = alive(visit("view=how&model=gray&seed=3"))
    stepper = page.locator(".stepper")
    for _ in range(3):
        stepper.get_by_role("button", name="Step").click()
    expect(stepper.locator(".phases li").nth(2)).to_contain_text("the part of level")
    assert stepper.locator(".number-line").first.locator("span").count() == 4


@devices
def test_training_is_folded_away_and_told_in_words_for_every_model(visit, device):
    page = alive(visit("view=how&model=binary", **device))
    folded = page.locator(".training details")
    expect(folded).to_have_count(3)
    expect(page.locator(".training table")).to_have_count(0)
    for k, name in enumerate(("binary", "gray", "residual")):
        grids = len(list((ROOT / "weights" / name).glob("samples*.png")))
        part = folded.nth(k)
        expect(part.locator("summary")).to_contain_text(name)
        part.locator("summary").click()
        expect(part.locator("table").first).to_be_visible()
        expect(part.locator("img")).to_have_count(grids)
        expect(part.get_by_role("img", name="Loss by epoch")).to_have_count(1)
        assert not re.search(r"[a-z]_[a-z]|sha256", part.inner_text())
    expect(folded.first).to_contain_text("at half: 128 of 255 and up is ink")
    widest = "all => Math.max(...all.map((each) => each.getBoundingClientRect().right))"
    assert page.locator("#view-how section > *").evaluate_all(widest) <= device["width"]


def test_every_figure_of_the_weights_has_words(visit):
    page = visit("view=how")
    keys = {
        key for path in ROOT.glob("weights/*/metrics.json") for key in json.loads(path.read_text())
    }
    unnamed = page.evaluate(
        """async (keys) => {
          const { nameOf } = await import(new URL("js/how/names.js", location.href));
          return keys.filter((key) => !nameOf(key));
        }""",
        sorted(keys),
    )
    assert unnamed == []


@pytest.mark.parametrize("width", [320, 375, 1920])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_and_axe_finds_no_serious_fault(visit, top, width, scheme):
    page = alive(visit(query(top), width=width, scheme=scheme, motion="reduce"))
    faults = Axe().run(page, context="#view-how").response["violations"]
    assert [
        (f["id"], f["nodes"][0]["html"]) for f in faults if f["impact"] in ("serious", "critical")
    ] == []
    right = "all => Math.max(...all.map((each) => each.getBoundingClientRect().right))"
    assert page.locator("#view-how :is(canvas, button, p, svg)").evaluate_all(right) <= width
