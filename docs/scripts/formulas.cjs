// Every formula through KaTeX in strict mode: [{tex, display}] as JSON on stdin, [[index, message]] on stdout.
const katex = require(require.resolve("katex", { paths: [`${__dirname}/../site`] }));

const wrong = [];
JSON.parse(require("fs").readFileSync(0, "utf8")).forEach(({ tex, display }, index) => {
  try {
    katex.renderToString(tex, { displayMode: display, strict: "error" });
  } catch (error) {
    wrong.push([index, error.message]);
  }
});
console.log(JSON.stringify(wrong));
