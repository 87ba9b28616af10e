// Files up and down, one and many.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { Daytona } from './sdk.mjs'

const daytona = new Daytona()
const sandbox = await daytona.create()
try {
  const content = randomBytes(3 << 20)
  await sandbox.fs.createFolder('work', '755')
  await sandbox.fs.uploadFiles([
    { source: content, destination: 'work/a.bin' },
    { source: Buffer.from('äöü'), destination: 'work/名前 with spaces.txt' },
  ])
  assert.ok((await sandbox.fs.downloadFile('work/a.bin')).equals(content))
  assert.equal((await sandbox.fs.downloadFile('work/名前 with spaces.txt')).toString(), 'äöü')
  const many = await sandbox.fs.downloadFiles([{ source: 'work/a.bin' }, { source: 'work/missing' }])
  assert.ok(Buffer.from(many[0].result).equals(content))
  assert.ok(many[1].error)
  assert.equal((await sandbox.fs.getFileDetails('work/a.bin')).size, content.length)
  await sandbox.fs.moveFiles('work/a.bin', 'work/b.bin')
  await sandbox.fs.setFilePermissions('work/b.bin', { mode: '600' })
  assert.equal((await sandbox.fs.getFileDetails('work/b.bin')).permissions, '0600')
  const names = (await sandbox.fs.listFiles('work')).map((info) => info.name)
  assert.deepEqual(names, ['b.bin', '名前 with spaces.txt'])
  await sandbox.fs.deleteFile('work', true)
  await assert.rejects(sandbox.fs.downloadFile('work/b.bin'))
} finally {
  await sandbox.delete()
}
process.exit(0)
