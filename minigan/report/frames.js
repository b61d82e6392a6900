// Turn every strip of pictures into one picture and a slider.  Without this script the whole strip is shown.
for (const figure of document.querySelectorAll("figure.frames")) {
  const frames = figure.querySelectorAll("li");
  const slider = figure.querySelector("input");
  const label = figure.querySelector("output");
  const show = () => {
    frames.forEach((frame, i) => frame.classList.toggle("shown", i === Number(slider.value)));
    label.textContent = frames[slider.value].textContent;
    slider.setAttribute("aria-valuetext", label.textContent);
  };
  slider.addEventListener("input", show);
  figure.classList.add("live");
  show();
}
