package local_cloud;

/** An object, or a common prefix (its key ends with a slash). */
class S3Entry {
  final String key;
  final long bytes;
  final long modifiedMillis;

  S3Entry(String key, long bytes, long modifiedMillis) {
    this.key = key;
    this.bytes = bytes;
    this.modifiedMillis = modifiedMillis;
  }

  boolean isPrefix() {
    return key.endsWith("/");
  }

  /** The key without the slash that ends a prefix. */
  String path() {
    return isPrefix() ? key.substring(0, key.length() - 1) : key;
  }
}
