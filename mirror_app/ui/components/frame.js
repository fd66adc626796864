// The newest frame of a film, as the bytes of a PNG file: the one before stays until the new one can be drawn.

const shown = new WeakMap(); // by shadow root: the bytes and the address of what is shown

export default function ({ data, parentElement }) {
  const image = parentElement.querySelector("img") ?? parentElement.appendChild(document.createElement("img"));
  image.alt = "The newest frame";
  if (data instanceof Uint8Array && shown.get(parentElement)?.bytes !== data) draw(data, parentElement, image);
  return () => URL.revokeObjectURL(shown.get(parentElement)?.address);
}

async function draw(bytes, root, image) {
  const before = shown.get(root);
  const address = URL.createObjectURL(new Blob([bytes], { type: "image/png" }));
  shown.set(root, { bytes, address });
  const next = new Image();
  next.src = address;
  await next.decode().catch(() => {}); // a newer frame may have come in the meantime
  if (shown.get(root).address === address) image.src = address;
  if (before) URL.revokeObjectURL(before.address);
}
