"""Building the generated C for Cortex-M and running it in QEMU: flash, RAM, golden vectors, instructions."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

from search.exporters.c.host import STRICT, find_tool, run_tool, runtime_source
from spaces.errors import ExportError

_COMPILER_PACKAGE = "gcc-arm-none-eabi libnewlib-arm-none-eabi"
_FLAGS = ("-O2", "-mthumb", "-ffunction-sections", "-fdata-sections", "-nostartfiles", "-Wl,--gc-sections")
# One instruction takes a nanosecond of the emulated clock; what the program reports comes out of our standard output.
_EMULATION = (
    *("-icount", "shift=0", "-display", "none", "-serial", "none", "-monitor", "none"),
    *("-chardev", "stdio,id=report", "-semihosting-config", "enable=on,target=native,chardev=report"),
)
_SIZE_FIELDS = ("text", "data", "bss")
_INSTRUCTIONS_OF_THE_LOOP = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """A processor, and what QEMU has of it.

    Attributes:
        cpu: compiler flags.
        machine: QEMU's name of the board.
        flash_bytes, ram_bytes: of the board.
    """

    name: str
    cpu: tuple[str, ...]
    machine: str
    flash_bytes: int
    ram_bytes: int


BOARDS = (
    Board(
        name="cortex-m4f",
        cpu=("-mcpu=cortex-m4", "-mfpu=fpv4-sp-d16", "-mfloat-abi=hard"),
        machine="mps2-an386",
        flash_bytes=4 << 20,
        ram_bytes=4 << 20,
    ),
    # QEMU has no M0+; code for it runs on the M3 of this board, which has every instruction of it.
    Board(
        name="cortex-m0plus",
        cpu=("-mcpu=cortex-m0plus",),
        machine="mps2-an385",
        flash_bytes=4 << 20,
        ram_bytes=4 << 20,
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceResult:
    """What a device run showed.

    Attributes:
        flash_bytes: text and data of the network alone with its start code, by arm-none-eabi-size.
        ram_bytes: data and bss of it; the stack is not counted.
        constant_bytes: read-only data of the generated file.
        instructions: of one inference.
        failures: golden vectors with other logits.
    """

    board: Board
    flash_bytes: int
    ram_bytes: int
    constant_bytes: int
    instructions: int
    failures: int


def run_on_device(folder: Path, board: Board) -> DeviceResult:
    """Build the files of an export for a board and run its golden vectors.

    Args:
        folder: of `model.c`, `golden.c` and the kernels.
        board: the device.

    Raises:
        ExportError: a tool is missing or failed, or the run did not report.
    """
    compiler = find_tool("arm-none-eabi-gcc", _COMPILER_PACKAGE)
    size_tool = find_tool("arm-none-eabi-size", _COMPILER_PACKAGE)
    emulator = find_tool("qemu-system-arm", "qemu-system-arm")
    with tempfile.TemporaryDirectory(prefix="device-") as name:
        scratch = Path(name)
        for file in ("device.c", "device.ld"):
            (scratch / file).write_text(runtime_source(file), encoding="utf-8")
        memory = [f"-Wl,--defsym=FLASH_BYTES={board.flash_bytes}", f"-Wl,--defsym=RAM_BYTES={board.ram_bytes}"]
        base = [compiler, *STRICT, *_FLAGS, *board.cpu, f"-I{folder}", f"-I{scratch}"]
        network = [str(folder / file) for file in ("model.c", "nn_kernels.c")]
        link = [*memory, "-T", str(scratch / "device.ld"), str(scratch / "device.c"), *network]
        run_tool([*base, "-o", str(scratch / "alone.elf"), *link], what=f"building for {board.name}")
        tested = [*base, "-DDEVICE_TEST", "-o", str(scratch / "test.elf"), *link, str(folder / "golden.c")]
        run_tool(tested, what=f"building the test for {board.name}")
        run_tool([*base, "-c", "-o", str(scratch / "model.o"), network[0]], what=f"compiling for {board.name}")
        sizes = _sizes(run_tool([size_tool, str(scratch / "alone.elf")], what="arm-none-eabi-size"))
        sections = run_tool([size_tool, "-A", str(scratch / "model.o")], what="arm-none-eabi-size")
        emulate = [emulator, "-M", board.machine, *_EMULATION, "-kernel", str(scratch / "test.elf")]
        reported = _report(run_tool(emulate, what=f"QEMU on {board.machine}", timeout_s=600))
    return DeviceResult(
        board=board,
        flash_bytes=sizes["text"] + sizes["data"],
        ram_bytes=sizes["data"] + sizes["bss"],
        constant_bytes=_read_only_bytes(sections),
        instructions=round(
            reported["ticks_of_an_inference"] / reported["ticks_of_a_million"] * _INSTRUCTIONS_OF_THE_LOOP
        ),
        failures=reported["failures"],
    )


def _sizes(output: bytes) -> dict[str, int]:
    values = output.decode().splitlines()[1].split()
    return {field: int(value) for field, value in zip(_SIZE_FIELDS, values, strict=False)}


def _read_only_bytes(output: bytes) -> int:
    rows = [line.split() for line in output.decode().splitlines()]
    return sum(int(row[1]) for row in rows if row and row[0].startswith(".rodata"))


def _report(output: bytes) -> dict[str, int]:
    pairs = [line.split() for line in output.decode(errors="replace").splitlines()]
    found = {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdigit()}
    if not {"ticks_of_a_million", "ticks_of_an_inference", "failures"} <= set(found):
        raise ExportError(f"the emulated device did not report its results; it wrote {output[-500:]!r}.")
    return found
