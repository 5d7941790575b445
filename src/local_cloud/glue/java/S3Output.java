package local_cloud;

import java.io.BufferedOutputStream;
import java.io.File;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;

/** Writes to a local file; the object appears, whole, when the stream is closed. */
class S3Output extends OutputStream {
  private final S3Client client;
  private final String key;
  private final File file;
  private final OutputStream output;
  private boolean closed;

  S3Output(S3Client client, String key) throws IOException {
    this.client = client;
    this.key = key;
    file = File.createTempFile("s3-", ".part");
    output = new BufferedOutputStream(new FileOutputStream(file), 1 << 20);
  }

  public void write(int b) throws IOException {
    output.write(b);
  }

  public void write(byte[] source, int offset, int count) throws IOException {
    output.write(source, offset, count);
  }

  public void close() throws IOException {
    if (closed) {
      return;
    }
    closed = true;
    try {
      output.close();
      client.put(key, file);
    } finally {
      file.delete();
    }
  }
}
