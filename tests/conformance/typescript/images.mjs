// Sandboxes and snapshots from images and builds, as the newest SDK makes them.
import assert from 'node:assert/strict'
import { Daytona, Image } from './sdk.mjs'

const daytona = new Daytona()
const made = []
const said = async (sandbox, command) => {
  const answer = await sandbox.process.executeCommand(command)
  assert.equal(answer.exitCode, 0, answer.result)
  return answer.result.trim()
}

try {
  const log = []
  const image = Image.base('python:3.12-slim-bookworm')
    .pipInstall(['six==1.17.0'])
    .runCommands('echo one > /one')
    .env({ SUITE: 'images-ts' })
    .workdir('/w')
  const sandbox = await daytona.create(
    { image, resources: { cpu: 1, memory: 2, disk: 4 } },
    { timeout: 300, onSnapshotCreateLogs: (line) => log.push(line) },
  )
  made.push(sandbox)
  assert.match(log.join('\n'), /Successfully installed six/)
  assert.equal(await said(sandbox, 'python -c "import six; print(six.__version__)"; cat /one; pwd; echo $SUITE'), '1.17.0\none\n/w\nimages-ts')
  assert.deepEqual([sandbox.cpu, sandbox.memory, sandbox.disk], [1, 2, 4])

  const plain = await daytona.create({ image: 'debian:12-slim' }, { timeout: 120 })
  made.push(plain)
  assert.match(await said(plain, 'cat /etc/os-release'), /Debian/)

  await assert.rejects(
    daytona.create({ image: Image.base('debian:12-slim').runCommands('exit 9') }, { timeout: 120 }),
    // The reason is in the event; this client shows it only of what it asked for.
    /build_failed/,
  )

  const lines = []
  const snapshot = await daytona.snapshot.create(
    { name: 'images-ts', image: Image.base('debian:12-slim').runCommands('echo ts > /ts'), resources: { cpu: 1, memory: 1, disk: 3 } },
    { onLogs: (line) => lines.push(line), timeout: 120 },
  )
  assert.equal(snapshot.state, 'active')
  // How much of the log this client still reads once the snapshot is active is its own affair.
  assert.match(lines.join("\n"), /FROM debian/)
  const other = await daytona.create({ snapshot: 'images-ts' })
  made.push(other)
  assert.equal(await said(other, 'cat /ts'), 'ts')
  await daytona.snapshot.delete(await daytona.snapshot.get('images-ts'))
  await assert.rejects(daytona.snapshot.get('images-ts'))
} finally {
  for (const sandbox of made) await sandbox.delete()
  for await (const sandbox of daytona.list()) if (sandbox.state === 'build_failed') await sandbox.delete()
}
