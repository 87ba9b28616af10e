// Waits end by events alone while polling is blind, and by polling alone when the stream breaks in the middle.
import assert from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'
import { Daytona, DaytonaNotFoundError } from './sdk.mjs'

// Steers the passage between this script and the API: see `tests/src/passage.rs`.
async function steer(order) {
  const url = `${process.env.DAYTONA_API_URL.replace(/\/api$/, '')}/passage/${order}`
  return (await fetch(url, { method: 'POST' })).json()
}

async function untilListening() {
  const end = Date.now() + 60_000
  while ((await steer('report')).sockets === 0) {
    assert.ok(Date.now() < end, 'the SDK has no event stream')
    await pause(20)
  }
}

const daytona = new Daytona()
const sandbox = await daytona.create()
try {
  await untilListening()
  await sandbox.refreshData()
  await steer('blind/2')
  await sandbox.stop(30)
  assert.ok((await steer('open')).gets >= 2, 'polling was asked, and was blind')
  assert.equal((await daytona.get(sandbox.id)).state, 'stopped')

  await sandbox.start()
  assert.equal(sandbox.state, 'started')
  await sandbox.refreshData()
  await steer('cut/3')
  await sandbox.stop(30)
  const report = await steer('report')
  assert.equal(sandbox.state, 'stopped')
  assert.ok(report.sockets === 0 && report.gets >= 4, JSON.stringify(report))

  await steer('open')
  await untilListening()
  await sandbox.refreshData()
  await steer('blind/1')
  await sandbox.delete(30, true)
  assert.ok((await steer('open')).gets >= 1)
  await assert.rejects(daytona.get(sandbox.id), DaytonaNotFoundError)
} finally {
  await steer('open')
  await sandbox.delete().catch(() => {})
}
process.exit(0)
