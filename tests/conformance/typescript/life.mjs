// From nothing to a running sandbox and back, as a user's first program would.
import assert from 'node:assert/strict'
import { Daytona } from './sdk.mjs'

const daytona = new Daytona()
const sandbox = await daytona.create({ envVars: { FROM_CREATE: 'yes' }, labels: { suite: 'typescript' } })
try {
  assert.equal(sandbox.state, 'started')
  const answer = await sandbox.process.executeCommand('echo hello; echo $FROM_CREATE; exit 3')
  assert.equal(answer.exitCode, 3)
  assert.equal(answer.result, 'hello\nyes\n')
  assert.equal(await sandbox.getWorkDir(), '/home/daytona')

  await sandbox.fs.uploadFile(Buffer.from('kept over a stop'), 'kept.txt')
  await sandbox.stop()
  assert.equal(sandbox.state, 'stopped')
  await sandbox.start()
  assert.equal((await sandbox.fs.downloadFile('kept.txt')).toString(), 'kept over a stop')

  const ids = []
  for await (const one of daytona.list()) ids.push(one.id)
  assert.ok(ids.includes(sandbox.id))
  assert.equal((await daytona.get(sandbox.id)).id, sandbox.id)
} finally {
  await sandbox.delete()
}
await assert.rejects(async () => {
  for (let tries = 0; tries < 200; tries++) {
    const found = await daytona.get(sandbox.id)
    assert.equal(found.state, 'destroying')
  }
}, { name: 'DaytonaNotFoundError' })
process.exit(0)
