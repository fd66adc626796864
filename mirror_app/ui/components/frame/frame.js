// The newest frame of a film, as the bytes of a PNG file. The previous frame stays until the new one is decoded.

const newestBytes = new WeakMap(); // the bytes of the frame that arrived last, by shadow root

export default function ({ data, parentElement }) {
  if (data instanceof Uint8Array && newestBytes.get(parentElement) !== data) draw(data, parentElement);
}

async function draw(bytes, root) {
  newestBytes.set(root, bytes);
  const url = URL.createObjectURL(new Blob([bytes], { type: "image/png" }));
  const image = new Image();
  image.alt = "The newest frame";
  image.src = url;
  await image.decode();
  URL.revokeObjectURL(url); // a decoded image does not need the URL
  if (newestBytes.get(root) !== bytes) return; // a newer frame has arrived in the meantime
  root.querySelector("img")?.remove();
  root.append(image);
}
