// Code in the three languages that the SDK knows, with arguments, failures and a chart.
import assert from 'node:assert/strict'
import { Daytona } from './sdk.mjs'

const daytona = new Daytona()
const chart = `
import matplotlib.pyplot as plt
plt.scatter([1, 2], [3, 4])
plt.title("A title")
plt.show()
print("after the chart")
`

for (const [language, code, expected] of [
  ['python', 'import sys\nprint(sys.argv[1:])', "['a b', 'c']\n"],
  ['javascript', "console.log(process.argv.slice(1).join('+'))", 'a b+c\n'],
  ['typescript', "const all: string[] = process.argv.slice(1)\nconsole.log(all.join('+'))", 'a b+c\n'],
]) {
  const sandbox = await daytona.create({ language })
  try {
    const answer = await sandbox.process.codeRun(code, { argv: ['a b', 'c'] })
    assert.deepEqual([answer.exitCode, answer.result], [0, expected], language)
    if (language === 'python') {
      const drawn = await sandbox.process.codeRun(chart)
      assert.equal(drawn.result, 'after the chart\n')
      assert.equal(drawn.artifacts.charts.length, 1)
      assert.equal(drawn.artifacts.charts[0].type, 'scatter')
      assert.equal(drawn.artifacts.charts[0].title, 'A title')
    }
  } finally {
    await sandbox.delete()
  }
}
process.exit(0)
