// Volumes, as the newest SDK uses them.
import assert from 'node:assert/strict'
import { setTimeout } from 'node:timers/promises'
import { Daytona, DaytonaNotFoundError } from './sdk.mjs'

const daytona = new Daytona()
const name = 'conformance typescript'
const labels = { suite: 'volumes-ts' }
const until = async (condition) => {
  for (const deadline = Date.now() + 30_000; !(await condition()); await setTimeout(50)) assert.ok(Date.now() < deadline)
}
const run = async (sandbox, command) => {
  const done = await sandbox.process.executeCommand(command)
  assert.equal(done.exitCode, 0, `${command}: ${done.result}`)
  return done.result.trim()
}

await assert.rejects(daytona.volume.get(name), DaytonaNotFoundError)
const volume = await daytona.volume.get(name, true)
const sandboxes = []
try {
  const one = await daytona.create({ labels, volumes: [{ volumeId: volume.id, mountPath: '/data' }] })
  sandboxes.push(one)
  const two = await daytona.create({ labels, volumes: [{ volumeId: name, mountPath: '/home/daytona/v', subpath: 'a/b' }] })
  sandboxes.push(two)
  await run(two, 'echo two > ~/v/file')
  assert.equal(await run(one, 'cat /data/a/b/file; echo one > /data/a/b/file'), 'two')
  assert.equal(await run(two, 'cat ~/v/file'), 'one')
  const shown = (await daytona.get(two.id)).volumes
  assert.deepEqual(shown, [{ volumeId: volume.id, mountPath: '/home/daytona/v', subpath: 'a/b' }])
  assert.ok((await daytona.volume.list()).some((found) => found.id === volume.id && found.state === 'ready'))
  await assert.rejects(daytona.volume.delete(volume), /in use/)
  await assert.rejects(daytona.volume.create(name), /already exists/)
  await assert.rejects(daytona.create({ labels, volumes: [{ volumeId: volume.id, mountPath: '/etc' }] }), /mountPath/)
} finally {
  await Promise.all(sandboxes.map((sandbox) => sandbox.delete()))
}
await daytona.volume.delete(volume)
await assert.rejects(daytona.volume.get(name), DaytonaNotFoundError)
await until(async () => (await daytona.volume.list()).every((found) => found.id !== volume.id))
process.exit(0)
