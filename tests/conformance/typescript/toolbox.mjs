// Everything in a sandbox that is more than a command: sessions, terminals, the interpreter, git, language servers,
// signed addresses. WebSockets of this client fail unless the server echoes a subprotocol that was offered.
import assert from 'node:assert/strict'
import { Daytona } from './sdk.mjs'

const sandbox = await new Daytona().create()
const { process: shell, fs, git, codeInterpreter } = sandbox

async function sessions() {
  await shell.createSession('work')
  await assert.rejects(shell.createSession('work'), { name: 'DaytonaConflictError' })
  const first = await shell.executeSessionCommand('work', { command: 'cd /tmp; X=1; echo out; echo err >&2' })
  assert.deepEqual([first.exitCode, first.stdout, first.stderr], [0, 'out\n', 'err\n'])
  const slow = await shell.executeSessionCommand('work', {
    command: 'echo "$X $PWD"; read name; echo "hello $name"; echo problem >&2',
    runAsync: true,
  })
  let [out, err] = ['', '']
  const following = shell.getSessionCommandLogs('work', slow.cmdId, (text) => (out += text), (text) => (err += text))
  await shell.sendSessionCommandInput('work', slow.cmdId, '日本')
  await following
  assert.equal(err, 'problem\n')
  // What was typed is in the log too, wherever it came in.
  assert.ok(out.includes('1 /tmp\n') && out.endsWith('hello 日本\n'), out)
  const logs = await shell.getSessionCommandLogs('work', slow.cmdId)
  assert.equal(logs.stderr, 'problem\n')
  assert.equal((await shell.getSessionCommand('work', slow.cmdId)).exitCode, 0)
  assert.deepEqual((await shell.listSessions()).map((one) => one.sessionId), ['work'])
  await shell.deleteSession('work')
  assert.equal((await shell.getEntrypointSession()).sessionId, 'entrypoint')
  await sandbox.updateEnv({ LATER: 'yes' })
  assert.equal((await shell.executeCommand('echo $LATER')).result, 'yes\n')
}

async function terminals() {
  let seen = ''
  const decoder = new TextDecoder()
  const onData = (data) => { seen += decoder.decode(data, { stream: true }) }
  const handle = await shell.createPty({ id: 'one', cols: 100, rows: 30, envs: { ODD: 'a=b ü' }, onData })
  await handle.waitForConnection()
  assert.equal((await shell.resizePtySession('one', 120, 40)).cols, 120)
  await handle.sendInput('stty size; echo "<$ODD> $((40 + 2))"; exit 3\n')
  const result = await handle.wait()
  assert.deepEqual([result.exitCode, result.error], [3, 'non-zero exit'])
  assert.ok(seen.includes('40 120') && seen.includes('<a=b ü> 42'), seen)

  const second = await shell.createPty({ id: 'two', onData })
  await second.waitForConnection()
  await second.disconnect()
  assert.deepEqual((await shell.listPtySessions()).map((one) => one.id), ['two'])
  const again = await shell.connectPty('two', { onData })
  await again.waitForConnection()
  await again.kill()
  assert.equal((await again.wait()).exitCode, 137)
}

async function interpreter() {
  let streamed = ''
  const first = await codeInterpreter.runCode('x = 41\nprint("hello")', { onStdout: (one) => { streamed += one.output } })
  assert.deepEqual([first.stdout, streamed, first.error], ['hello\n', 'hello\n', undefined])
  assert.equal((await codeInterpreter.runCode('print(x + 1)')).stdout, '42\n')
  assert.equal((await codeInterpreter.runCode('1/0')).error.name, 'ZeroDivisionError')
  const context = await codeInterpreter.createContext('/tmp')
  assert.equal((await codeInterpreter.runCode('import os; print(os.getcwd())', { context })).stdout, '/tmp\n')
  await assert.rejects(codeInterpreter.runCode('import time; time.sleep(60)', { context, timeout: 1 }), { name: 'DaytonaTimeoutError' })
  assert.equal((await codeInterpreter.runCode('os._exit(1)', { context })).error.name, 'WorkerProcessError')
  assert.equal((await codeInterpreter.listContexts()).length, 1)
  await codeInterpreter.deleteContext(context)
}

async function repositories() {
  await git.init('repo', false, 'main')
  await fs.uploadFile(Buffer.from('one\n'), 'repo/日 a.txt')
  await git.add('repo', ['.'])
  const { sha } = await git.commit('repo', 'first', 'Ada', 'ada@example.com')
  assert.equal(sha.length, 40)
  await git.createBranch('repo', 'side')
  assert.deepEqual((await git.branches('repo')).branches.sort(), ['main', 'side'])
  await assert.rejects(git.createBranch('repo', 'side'), { name: 'DaytonaGitBranchExistsError' })
  await assert.rejects(git.status('nowhere'), { name: 'DaytonaGitRepoNotFoundError' })
  await git.clone('file:///home/daytona/repo', 'copy', 'main')
  const status = await git.status('copy')
  assert.deepEqual([status.currentBranch, status.fileStatus, status.ahead, status.behind], ['main', [], 0, 0])
  await git.reset('repo', 'hard', sha)
  assert.equal(await git.getConfig('no.such'), undefined)
}

async function languageServer() {
  await fs.uploadFile(Buffer.from('export class Flock {}\n'), 'p/flock.ts')
  const server = await sandbox.createLspServer('typescript', 'p')
  await assert.rejects(server.documentSymbols('p/flock.ts'), { name: 'DaytonaLspServerNotInitializedError' })
  await server.start()
  await server.didOpen('p/flock.ts')
  assert.ok((await server.documentSymbols('p/flock.ts')).some((one) => one.name === 'Flock'))
  assert.ok((await server.sandboxSymbols('Flock')).some((one) => one.name === 'Flock'))
  await server.stop()
}

async function edges() {
  await fs.uploadFile(Buffer.from('signed'), 'a ü.txt')
  const down = await fetch(await sandbox.downloadUrl('a ü.txt'))
  assert.deepEqual([down.status, await down.text()], [200, 'signed'])
  const form = new FormData()
  form.append('file', new Blob(['put']), 'x')
  const up = await fetch(await sandbox.uploadUrl('b.txt'), { method: 'POST', body: form })
  assert.equal(up.status, 200)
  assert.equal((await fs.downloadFile('b.txt')).toString(), 'put')
  assert.equal((await sandbox.getMetricsLatest()).cpuCount, 1)
  assert.deepEqual((await fs.searchFiles('.', '*.txt')).files.sort().slice(0, 2), ['a ü.txt', 'b.txt'])
  assert.equal((await fs.findFiles('.', 'signed'))[0].file, 'a ü.txt')
}

try {
  await Promise.all([sessions(), terminals(), interpreter(), repositories(), languageServer()])
  await edges()
} finally {
  await sandbox.delete()
}
process.exit(0)
