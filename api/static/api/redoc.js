// Redoc shows its maker's logo, from its maker's server. No page of ours loads anything from elsewhere, so an image
// gets no source but one of our own. React sets it in two ways.
const image = HTMLImageElement.prototype;
const { get, set } = Object.getOwnPropertyDescriptor(image, "src");
const ours = (source) => source.startsWith("data:") || new URL(source, location).origin === location.origin;
Object.defineProperty(image, "src", {
  get,
  set(source) {
    if (ours(source)) set.call(this, source);
  },
});
image.setAttribute = function (name, value) {
  if (name !== "src" || ours(value)) Element.prototype.setAttribute.call(this, name, value);
};
