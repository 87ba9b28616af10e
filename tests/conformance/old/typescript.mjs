// An older TypeScript SDK (see the test runner for the version), under its old name: what frameworks have pinned.
import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { join } from 'node:path'

const require = createRequire(join(process.env.PADDOCK_TEST_MODULES, 'any.js'))
const { Daytona } = require('@daytonaio/sdk')

const sandbox = await new Daytona().create()
const { process: shell, fs } = sandbox
try {
  assert.equal((await shell.executeCommand('echo hello')).result, 'hello\n')
  const ran = await shell.codeRun('print("from python")')
  assert.deepEqual([ran.exitCode, ran.result], [0, 'from python\n'])
  await fs.uploadFile(Buffer.from('日本'), 'folder/日 a.txt')
  assert.equal((await fs.downloadFile('folder/日 a.txt')).toString(), '日本')
  assert.deepEqual((await fs.listFiles('folder')).map((one) => one.name), ['日 a.txt'])

  await shell.createSession('s')
  const done = await shell.executeSessionCommand('s', { command: 'cd /tmp; echo out; echo err >&2' })
  assert.deepEqual([done.exitCode, done.stdout, done.stderr], [0, 'out\n', 'err\n'])
  const slow = await shell.executeSessionCommand('s', { command: 'pwd; sleep 0.5; echo end', runAsync: true })
  let [out, err] = ['', '']
  await shell.getSessionCommandLogs('s', slow.cmdId, (text) => (out += text), (text) => (err += text))
  assert.deepEqual([out, err], ['/tmp\nend\n', ''])
  await shell.deleteSession('s')

  let seen = ''
  const handle = await shell.createPty({ id: 't', onData: (data) => { seen += Buffer.from(data).toString() } })
  await handle.waitForConnection()
  await handle.sendInput('echo "it is $((40 + 2))"; exit 4\n')
  const result = await handle.wait()
  assert.equal(result.exitCode, 4)
  assert.ok(seen.includes('it is 42'), seen)

  assert.equal((await sandbox.codeInterpreter.runCode('print(6 * 7)')).stdout, '42\n')
  assert.ok((await sandbox.getPreviewLink(3000)).token)
} finally {
  await sandbox.delete()
}
process.exit(0)
