"""Matrix products on one core, in the widest vectors of the machine.

A tile of ROWS x 2 vectors of the result stays in registers while the depth is run through; nothing is packed,
so that operands may be views of anything and small products cost no more than their arithmetic. On machines
whose kind OpenBLAS does not know, this is up to twice as fast as `np.dot`; it needs no threads to be held down,
and its sums have one fixed order.
"""

# pyright: reportMissingParameterType=false

from collections.abc import Callable
from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from groklab.training.fused.loops import compiled

_FEATURES = llvm.get_host_cpu_features()
_WIDE = bool(_FEATURES.get("avx512f"))
VECTOR_BYTES = 64 if _WIDE else 32 if _FEATURES.get("avx2") else 16
"""Bytes in one vector register."""
ROWS = 4 if VECTOR_BYTES == 32 else 8
"""Rows of a tile: with two vectors each, what the registers hold."""


def _tile(rows: int, *, masked: bool) -> Callable[..., None]:
    """A loop over the depth for a tile of the result, written in LLVM's vectors; the last columns masked or not."""

    vectors = 2

    @intrinsic
    def tile(
        typing: Any,
        out: Any,
        out_row: Any,
        left: Any,
        left_row: Any,
        left_step: Any,
        right: Any,
        right_step: Any,
        depth: Any,
        columns: Any,
        add: Any,
        unit: Any,
    ) -> Any:
        signature = types.void(*[types.intp] * 9, types.boolean, unit)

        def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
            # A function of its own: compiled once, not once for every call.
            arguments = arguments[:-1]
            kind = ir.FunctionType(ir.VoidType(), [argument.type for argument in arguments])
            function = _declared(builder.module, f"groklab_tile_{rows}_{masked}_{unit}", kind)
            if not function.blocks:
                function.linkage = "internal"
                function.attributes.add("noinline")
                body(context.get_value_type(unit), ir.IRBuilder(function.append_basic_block()), function.args)
            builder.call(function, arguments)
            return context.get_dummy_value()

        def body(element: Any, builder: ir.IRBuilder, arguments: Any) -> None:
            out, out_row, left, left_row, left_step, right, right_step, depth, columns, add = arguments
            size = unit.bitwidth // 8
            lanes = VECTOR_BYTES // size
            vector, word, mask = ir.VectorType(element, lanes), ir.IntType(64), ir.VectorType(ir.IntType(1), lanes)
            zero = ir.Constant(vector, [ir.Constant(element, 0.0)] * lanes)

            def at(base: Any, *offsets: Any) -> Any:
                for offset in offsets:
                    base = builder.add(base, offset)
                return base

            def times(stride: Any, number: int) -> Any:
                return builder.mul(stride, ir.Constant(word, number))

            def spread(scalar: Any, kind: ir.VectorType) -> Any:
                first = builder.insert_element(ir.Constant(kind, ir.Undefined), scalar, ir.Constant(ir.IntType(32), 0))
                return builder.shuffle_vector(
                    first, ir.Constant(kind, ir.Undefined), ir.Constant(ir.VectorType(ir.IntType(32), lanes), None)
                )

            masks: list[Any] = []
            if masked:
                numbers = ir.VectorType(word, lanes)
                masks = [
                    builder.icmp_signed(
                        "<",
                        ir.Constant(numbers, [ir.Constant(word, v * lanes + lane) for lane in range(lanes)]),
                        spread(columns, numbers),
                    )
                    for v in range(vectors)
                ]
            pointer, count = vector.as_pointer(), ir.IntType(32)
            name = f"v{lanes}f{8 * size}"
            fma = _declared(builder.module, f"llvm.fma.{name}", ir.FunctionType(vector, [vector] * 3))

            def load(address: Any, v: int) -> Any:
                where = builder.inttoptr(at(address, ir.Constant(word, v * VECTOR_BYTES)), pointer)
                if not masked:
                    return builder.load(where, align=size)
                kind = ir.FunctionType(vector, [pointer, count, mask, vector])
                function = _declared(builder.module, f"llvm.masked.load.{name}.p0", kind)
                return builder.call(function, [where, ir.Constant(count, size), masks[v], zero])

            def store(value: Any, address: Any, v: int) -> None:
                where = builder.inttoptr(at(address, ir.Constant(word, v * VECTOR_BYTES)), pointer)
                if not masked:
                    builder.store(value, where, align=size)
                    return
                kind = ir.FunctionType(ir.VoidType(), [vector, pointer, count, mask])
                function = _declared(builder.module, f"llvm.masked.store.{name}.p0", kind)
                builder.call(function, [value, where, ir.Constant(count, size), masks[v]])

            def scalar(address: Any) -> Any:
                return builder.load(builder.inttoptr(address, element.as_pointer()), align=size)

            places = [(r, v) for r in range(rows) for v in range(vectors)]
            before = builder.block
            loop, after = builder.append_basic_block("depth"), builder.append_basic_block("done")
            builder.cbranch(builder.icmp_signed("<", ir.Constant(word, 0), depth), loop, after)
            builder.position_at_end(loop)
            k = builder.phi(word)
            here, there = builder.phi(word), builder.phi(word)
            sums = [builder.phi(vector) for _ in places]
            across = [load(there, v) for v in range(vectors)]
            grown: list[Any] = []
            for r in range(rows):
                value = spread(scalar(at(here, times(left_row, r))), vector)
                grown += [builder.call(fma, [value, across[v], sums[r * vectors + v]]) for v in range(vectors)]
            following = builder.add(k, ir.Constant(word, 1))
            k.add_incoming(ir.Constant(word, 0), before)
            k.add_incoming(following, loop)
            here.add_incoming(left, before)
            here.add_incoming(builder.add(here, left_step), loop)
            there.add_incoming(right, before)
            there.add_incoming(builder.add(there, right_step), loop)
            for total, new in zip(sums, grown, strict=True):
                total.add_incoming(zero, before)
                total.add_incoming(new, loop)
            builder.cbranch(builder.icmp_signed("<", following, depth), loop, after)
            builder.position_at_end(after)
            results: list[Any] = []
            for new in grown:
                result = builder.phi(vector)
                result.add_incoming(zero, before)
                result.add_incoming(new, loop)
                results.append(result)
            with builder.if_else(add) as (then, otherwise):
                with then:
                    for (r, v), result in zip(places, results, strict=True):
                        address = at(out, times(out_row, r))
                        store(builder.fadd(load(address, v), result), address, v)
                with otherwise:
                    for (r, v), result in zip(places, results, strict=True):
                        store(result, at(out, times(out_row, r)), v)
            builder.ret_void()

        return signature, generate

    return tile


def _declared(module: ir.Module, name: str, kind: ir.FunctionType) -> ir.Function:
    return module.globals[name] if name in module.globals else ir.Function(module, kind, name)


_whole = _tile(ROWS, masked=False)
_edge = _tile(ROWS, masked=True)
_row = _tile(1, masked=True)


@compiled
def _tiles(out, out_row, left, left_row, left_step, right, right_step, rows, columns, depth, add, unit, size):
    span = 2 * VECTOR_BYTES // size
    even = rows - rows % ROWS
    for i in range(0, even, ROWS):
        to, of = out + i * out_row, left + i * left_row
        for j in range(0, columns, span):
            x, y, rest = to + j * size, right + j * size, columns - j
            if rest >= span:
                _whole(x, out_row, of, left_row, left_step, y, right_step, depth, rest, add, unit)
            else:
                _edge(x, out_row, of, left_row, left_step, y, right_step, depth, rest, add, unit)
    for i in range(even, rows):
        to, of = out + i * out_row, left + i * left_row
        for j in range(0, columns, span):
            x, y = to + j * size, right + j * size
            _row(x, out_row, of, left_row, left_step, y, right_step, depth, columns - j, add, unit)


@compiled
def product(out, left, right, add):
    """out = left @ right, or out += left @ right with `add`.

    (rows, columns) = (rows, depth) @ (depth, columns), one floating-point type; the rows of `out` and of `right`
    must be contiguous, `left` may be any view, also a transposed one. Nothing is checked.
    """
    _tiles(
        out.ctypes.data, out.strides[0],
        left.ctypes.data, left.strides[0], left.strides[1],
        right.ctypes.data, right.strides[0],
        out.shape[0], out.shape[1], left.shape[1], add, out.dtype.type(0), out.itemsize,
    )  # fmt: skip
