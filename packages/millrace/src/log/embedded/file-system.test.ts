import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { nameInMountTable, networkFileSystem } from './file-system.ts'

describe('network file systems', () => {
  it('[9.2] are known by their magic number, signed or not', () => {
    assert.equal(networkFileSystem({ magic: 0x6969 }), 'NFS')
    assert.equal(networkFileSystem({ magic: 0xfe534d42 }), 'SMB')
    assert.equal(networkFileSystem({ magic: 0xff534d42 | 0 }), 'CIFS')
    assert.equal(networkFileSystem({ magic: 0x01021997 }), '9p')
    assert.equal(networkFileSystem({ magic: 0xef53, name: 'ext4' }), undefined)
    assert.equal(networkFileSystem({ magic: 0x01021994, name: 'tmpfs' }), undefined)
  })

  it('[9.2] behind FUSE are known by name, local ones let be', () => {
    const fuse = 0x65735546
    assert.equal(networkFileSystem({ magic: fuse, name: 'fuse.sshfs' }), 'sshfs')
    assert.equal(networkFileSystem({ magic: fuse, name: 'fuse.s3fs' }), 's3fs')
    assert.equal(networkFileSystem({ magic: fuse, name: 'fuse.gocryptfs' }), undefined)
    assert.equal(networkFileSystem({ magic: fuse, name: 'virtiofs' }), undefined)
    assert.equal(networkFileSystem({ magic: fuse }), undefined)
  })

  it('[9.2] the longest mount point above a directory tells its file system', () => {
    const table = [
      '22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw',
      '40 22 0:30 / /mnt/my\\040share rw,relatime - fuse.sshfs host:/ rw',
      '41 22 0:31 / /mnt/my rw,relatime master:3 - tmpfs tmpfs rw',
      '',
    ].join('\n')
    assert.equal(nameInMountTable(table, '/home/me'), 'ext4')
    assert.equal(nameInMountTable(table, '/mnt/my share/data'), 'fuse.sshfs')
    assert.equal(nameInMountTable(table, '/mnt/my'), 'tmpfs')
    assert.equal(nameInMountTable(table, '/mnt/mystery'), 'ext4')
  })
})
