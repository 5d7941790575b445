package local_cloud;

import java.io.EOFException;
import java.io.IOException;
import org.apache.hadoop.fs.FSInputStream;

/** Reads an object in ranges, so that a seek costs at most one request. */
class S3Input extends FSInputStream {
  private static final int RANGE_BYTES = 8 * 1024 * 1024;

  private final S3Client client;
  private final S3Entry object;
  private long position;
  private byte[] range = new byte[0];
  private long rangeStart;

  S3Input(S3Client client, S3Entry object) {
    this.client = client;
    this.object = object;
  }

  public int read() throws IOException {
    byte[] one = new byte[1];
    return read(one, 0, 1) < 0 ? -1 : one[0] & 255;
  }

  public int read(byte[] target, int offset, int count) throws IOException {
    if (count == 0) {
      return 0;
    }
    if (position >= object.bytes) {
      return -1;
    }
    if (position < rangeStart || position >= rangeStart + range.length) {
      range = client.get(object.key, position, Math.min(position + RANGE_BYTES, object.bytes));
      rangeStart = position;
    }
    int start = (int) (position - rangeStart);
    int size = Math.min(count, range.length - start);
    System.arraycopy(range, start, target, offset, size);
    position += size;
    return size;
  }

  public int available() {
    return (int) Math.min(Integer.MAX_VALUE, object.bytes - position);
  }

  public void seek(long target) throws IOException {
    if (target < 0 || target > object.bytes) {
      throw new EOFException("cannot seek to " + target + " of " + object.key);
    }
    position = target;
  }

  public long getPos() {
    return position;
  }

  public boolean seekToNewSource(long target) {
    return false;
  }

  public void close() {
    range = new byte[0];
  }
}
