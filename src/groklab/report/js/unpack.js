// Texts written by report/packing.py: base64 of a raw deflate stream.

async function inflate(text) {
  const packed = atob(text.trim());
  const bytes = new Uint8Array(packed.length);
  for (let i = 0; i < packed.length; i++) bytes[i] = packed.charCodeAt(i);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  return new Response(stream).arrayBuffer();
}

const UNPACK_TYPES = {
  f4: Float32Array, i1: Int8Array, i2: Int16Array, i4: Int32Array, u1: Uint8Array, u2: Uint16Array, u4: Uint32Array,
};

// The facts and the named arrays of a packed text; numbers with scales come back as float32.
async function unpack(text) {
  const buffer = await inflate(text);
  const length = new DataView(buffer).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  let offset = 4 + length;
  const next = (type, count) => {
    const values = new UNPACK_TYPES[type](buffer, offset, count);
    offset += Math.ceil(values.byteLength / 8) * 8;
    return values;
  };
  const arrays = {};
  for (const { name, shape, type, scales } of header.arrays) {
    let data = next(type, shape.reduce((product, size) => product * size, 1));
    if (scales !== undefined) data = unpackScaled(data, next("f4", scales));
    arrays[name] = { shape, data };
  }
  return { meta: header.meta, arrays };
}

function unpackScaled(whole, scale) {
  const values = new Float32Array(whole.length);
  const block = whole.length / (scale.length || 1);
  for (let i = 0; i < values.length; i++) values[i] = whole[i] * scale[Math.floor(i / block)];
  return values;
}
