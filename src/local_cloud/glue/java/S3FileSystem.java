package local_cloud;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.net.URI;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Set;
import java.util.TreeMap;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FSDataInputStream;
import org.apache.hadoop.fs.FSDataOutputStream;
import org.apache.hadoop.fs.FileAlreadyExistsException;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.permission.FsPermission;
import org.apache.hadoop.util.Progressable;

/**
 * S3 as Hadoop sees it, through the plain S3 API: what s3:// and s3a:// mean in a job here.
 *
 * <p>A directory is a prefix. One that was only made is remembered by this process and leaves no
 * marker object behind. Janino, which Spark ships, compiles this at first use; it knows neither
 * generics nor lambdas, hence the casts.
 */
public class S3FileSystem extends FileSystem {
  private static final long BLOCK_BYTES = 64L * 1024 * 1024;
  private static final Set MADE = Collections.synchronizedSet(new HashSet());

  private URI uri;
  private S3Client client;
  private Path workingDirectory;

  public void initialize(URI name, Configuration configuration) throws IOException {
    super.initialize(name, configuration);
    setConf(configuration);
    uri = URI.create(name.getScheme() + "://" + name.getAuthority());
    workingDirectory = path("");
    S3Signer signer = new S3Signer(
        configuration.get("fs.local_cloud.region"),
        configuration.get("fs.local_cloud.access.key"),
        configuration.get("fs.local_cloud.secret.key"),
        configuration.get("fs.local_cloud.session.token", ""));
    client = new S3Client(
        configuration.get("fs.local_cloud.endpoint"), name.getAuthority(), signer);
  }

  public URI getUri() {
    return uri;
  }

  public String getScheme() {
    return uri == null ? "s3" : uri.getScheme();
  }

  public Path getWorkingDirectory() {
    return workingDirectory;
  }

  public void setWorkingDirectory(Path path) {
    workingDirectory = makeQualified(path);
  }

  public FSDataInputStream open(Path path, int bufferSize) throws IOException {
    S3Entry object = client.head(key(path));
    if (object == null) {
      throw new FileNotFoundException("No such file: " + path);
    }
    return new FSDataInputStream(new S3Input(client, object));
  }

  public FSDataOutputStream create(
      Path path, FsPermission permission, boolean overwrite, int bufferSize, short replication,
      long blockSize, Progressable progress) throws IOException {
    FileStatus existing = statusOrNull(path);
    if (existing != null && (existing.isDirectory() || !overwrite)) {
      throw new FileAlreadyExistsException(path + " already exists");
    }
    return new FSDataOutputStream(new S3Output(client, key(path)), null);
  }

  public FSDataOutputStream append(Path path, int bufferSize, Progressable progress) {
    throw new UnsupportedOperationException("S3 objects cannot be appended to: " + path);
  }

  public boolean rename(Path source, Path target) throws IOException {
    FileStatus from = getFileStatus(source);
    FileStatus to = statusOrNull(target);
    if (to != null && to.isDirectory()) {
      target = new Path(target, source.getName());
      to = statusOrNull(target);
    }
    if (to != null && (to.isFile() || listStatus(target).length > 0)) {
      return false;
    }
    if (from.isFile()) {
      client.copy(key(source), key(target));
      client.delete(key(source));
      return true;
    }
    List keys = keysUnder(source);
    int prefix = key(source).length();
    for (Iterator each = keys.iterator(); each.hasNext(); ) {
      String key = (String) each.next();
      client.copy(key, key(target) + key.substring(prefix));
    }
    client.delete(keys);
    moveMade(key(source), key(target));
    return true;
  }

  public boolean delete(Path path, boolean recursive) throws IOException {
    FileStatus status = statusOrNull(path);
    if (status == null) {
      return false;
    }
    if (status.isFile()) {
      client.delete(key(path));
      return true;
    }
    if (!recursive && listStatus(path).length > 0) {
      throw new IOException(path + " is not empty");
    }
    client.delete(keysUnder(path));
    moveMade(key(path), null);
    return true;
  }

  public FileStatus[] listStatus(Path path) throws IOException {
    FileStatus status = getFileStatus(path);
    if (status.isFile()) {
      return new FileStatus[] {status};
    }
    String prefix = prefix(path);
    TreeMap found = new TreeMap();
    for (Iterator each = client.list(prefix, true).iterator(); each.hasNext(); ) {
      S3Entry entry = (S3Entry) each.next();
      if (!entry.key.equals(prefix)) {
        found.put(entry.path(), entry.isPrefix() ? directory(entry.path()) : file(entry));
      }
    }
    Object[] made = MADE.toArray();
    String start = uri.getAuthority() + "/" + prefix;
    for (int i = 0; i < made.length; i++) {
      String name = (String) made[i];
      if (name.startsWith(start) && name.length() > start.length()) {
        String child = prefix + name.substring(start.length()).split("/")[0];
        if (!found.containsKey(child)) {
          found.put(child, directory(child));
        }
      }
    }
    return (FileStatus[]) found.values().toArray(new FileStatus[0]);
  }

  public boolean mkdirs(Path path, FsPermission permission) throws IOException {
    FileStatus status = statusOrNull(path);
    if (status != null && status.isFile()) {
      throw new FileAlreadyExistsException(path + " is a file");
    }
    MADE.add(made(key(path)));
    return true;
  }

  public FileStatus getFileStatus(Path path) throws IOException {
    FileStatus status = statusOrNull(path);
    if (status == null) {
      throw new FileNotFoundException("No such file or directory: " + path);
    }
    return status;
  }

  private FileStatus statusOrNull(Path path) throws IOException {
    String key = key(path);
    if (key.isEmpty()) {
      client.headBucket();
      return directory("");
    }
    S3Entry object = client.head(key);
    if (object != null) {
      return file(object);
    }
    return isMade(key) || client.isAnyUnder(key + "/") ? directory(key) : null;
  }

  private List keysUnder(Path directory) throws IOException {
    List keys = new ArrayList();
    for (Iterator each = client.list(prefix(directory), false).iterator(); each.hasNext(); ) {
      keys.add(((S3Entry) each.next()).key);
    }
    return keys;
  }

  private boolean isMade(String key) {
    Object[] made = MADE.toArray();
    for (int i = 0; i < made.length; i++) {
      if (isWithin((String) made[i], made(key))) {
        return true;
      }
    }
    return false;
  }

  /** Forget the directories made at and under `from`; they are under `to` instead, if not null. */
  private void moveMade(String from, String to) {
    Object[] made = MADE.toArray();
    for (int i = 0; i < made.length; i++) {
      String name = (String) made[i];
      if (isWithin(name, made(from))) {
        MADE.remove(name);
        if (to != null) {
          MADE.add(made(to) + name.substring(made(from).length()));
        }
      }
    }
  }

  private String made(String key) {
    return uri.getAuthority() + "/" + key;
  }

  private static boolean isWithin(String name, String directory) {
    return name.equals(directory) || name.startsWith(directory + "/");
  }

  private Path path(String key) {
    return new Path(uri.getScheme(), uri.getAuthority(), "/" + key);
  }

  private String key(Path path) {
    return makeQualified(path).toUri().getPath().substring(1);
  }

  private String prefix(Path directory) {
    String key = key(directory);
    return key.isEmpty() ? "" : key + "/";
  }

  private FileStatus directory(String key) {
    return new FileStatus(0, true, 1, 0, 0, path(key));
  }

  private FileStatus file(S3Entry entry) {
    return new FileStatus(
        entry.bytes, false, 1, BLOCK_BYTES, entry.modifiedMillis, path(entry.key));
  }
}
