// Pausing, resizing, forking, archiving and timers, as the newest SDK does them.
import assert from 'node:assert/strict'
import { setTimeout } from 'node:timers/promises'
import { Daytona } from './sdk.mjs'

const daytona = new Daytona()
// As the server has it now: the SDK's own copy may for a moment be behind, by an event that is still on its way.
const shown = (sandbox) => daytona.get(sandbox.id)
const until = async (condition) => {
  for (const deadline = Date.now() + 30_000; !(await condition()); await setTimeout(50)) assert.ok(Date.now() < deadline)
}

const sandbox = await daytona.create({ labels: { suite: 'lifecycle-ts' }, autoStopInterval: 0 })
let child
try {
  await sandbox.process.executeCommand('nohup sleep 1000 >/dev/null 2>&1 & echo $! > /tmp/pid; echo parent > ~/who')
  await sandbox.pause()
  assert.equal((await shown(sandbox)).state, 'paused')
  await assert.rejects(sandbox.process.executeCommand('true'))
  await sandbox.start()
  assert.equal((await sandbox.process.executeCommand('kill -0 $(cat /tmp/pid)')).exitCode, 0)

  await sandbox.resize({ cpu: 2, memory: 2 })
  const resized = await shown(sandbox)
  assert.deepEqual([resized.state, resized.cpu, resized.memory], ['started', 2, 2])
  await assert.rejects(sandbox.resize({ disk: 5 }))

  child = await sandbox.fork({ name: 'lifecycle-ts-fork' })
  assert.equal((await child.process.executeCommand('cat ~/who')).result, 'parent\n')
  await child.process.executeCommand('echo child > ~/who')
  assert.equal((await sandbox.process.executeCommand('cat ~/who; kill -0 $(cat /tmp/pid) && echo runs')).result, 'parent\nruns\n')
  await assert.rejects(sandbox.delete())

  await child.createSnapshot('lifecycle-ts-base')
  const snapshot = await daytona.snapshot.get('lifecycle-ts-base')
  assert.deepEqual([snapshot.state, snapshot.sourceSandboxId], ['active', child.id])
  const made = await daytona.create({ snapshot: 'lifecycle-ts-base' })
  assert.equal((await made.process.executeCommand('cat ~/who')).result, 'child\n')
  await made.delete()
  await daytona.snapshot.delete(snapshot)

  await child.stop()
  await child.archive()
  await until(async () => (await shown(child)).state === 'archived')
  await child.start()
  assert.equal((await child.process.executeCommand('cat ~/who')).result, 'child\n')

  await sandbox.setAutostopInterval(30)
  await sandbox.setAutoArchiveInterval(60)
  await sandbox.setAutoDeleteInterval(120)
  const timed = await shown(sandbox)
  assert.deepEqual([timed.autoStopInterval, timed.autoArchiveInterval, timed.autoDeleteInterval], [30, 60, 120])
} finally {
  if (child) {
    await child.delete()
    await until(async () => await shown(child).then((found) => found.state === 'destroyed', () => true))
  }
  await sandbox.delete()
}
process.exit(0)
