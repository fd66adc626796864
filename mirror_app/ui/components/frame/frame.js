// The newest frame of a film, as the bytes of a PNG file: the one before stays until the new one can be drawn.

const newest = new WeakMap(); // by shadow root: the bytes of the frame that came last

export default function ({ data, parentElement }) {
  if (data instanceof Uint8Array && newest.get(parentElement) !== data) draw(data, parentElement);
}

async function draw(bytes, root) {
  newest.set(root, bytes);
  const address = URL.createObjectURL(new Blob([bytes], { type: "image/png" }));
  const image = new Image();
  image.alt = "The newest frame";
  image.src = address;
  await image.decode();
  URL.revokeObjectURL(address); // an image that is decoded needs it no more
  if (newest.get(root) !== bytes) return; // a newer frame has come in the meantime
  root.querySelector("img")?.remove();
  root.append(image);
}
