// Plotly, unpacked while the page comes to life, and run when the first figure needs it. It is an inline script whose
// hash the page's policy names.

let plotlyText, plotlyComing;

function plotlyUnpacked() {
  const packed = document.getElementById("plotly");
  plotlyText ??= inflate(packed.textContent).then((bytes) => {
    packed.remove();
    return new TextDecoder().decode(bytes);
  });
  return plotlyText;
}

function plotly() {
  plotlyComing ??= plotlyUnpacked().then((text) => {
    const script = document.createElement("script");
    script.textContent = text;
    document.head.append(script);
    script.remove();
    return window.Plotly;
  });
  return plotlyComing;
}
