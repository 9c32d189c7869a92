package org.apache.hudi.aws.transaction.lock;

import com.amazonaws.auth.AWSStaticCredentialsProvider;
import com.amazonaws.auth.BasicAWSCredentials;
import com.amazonaws.client.builder.AwsClientBuilder.EndpointConfiguration;
import com.amazonaws.services.s3.AmazonS3;
import com.amazonaws.services.s3.AmazonS3ClientBuilder;
import com.amazonaws.services.s3.model.AmazonS3Exception;
import com.amazonaws.services.s3.model.ObjectMetadata;
import com.amazonaws.services.s3.model.PutObjectRequest;
import com.amazonaws.services.s3.model.S3Object;
import java.io.ByteArrayInputStream;
import java.util.Properties;
import org.apache.hudi.client.transaction.lock.StorageLockClient;
import org.apache.hudi.client.transaction.lock.models.LockGetResult;
import org.apache.hudi.client.transaction.lock.models.LockUpsertResult;
import org.apache.hudi.client.transaction.lock.models.StorageLockData;
import org.apache.hudi.client.transaction.lock.models.StorageLockFile;
import org.apache.hudi.common.util.Option;
import org.apache.hudi.common.util.collection.Pair;

/**
 * The S3 requests of Hudi's storage-based lock, over the SDK that Spark's s3a:// uses. Hudi's own class of this name
 * comes with its hudi-aws module, which the Spark bundle leaves out; the lock itself (StorageBasedLockProvider, the lock
 * file, expiry, renewal) is the bundle's.
 */
public class S3StorageLockClient implements StorageLockClient {
  private final AmazonS3 s3;
  private final String bucket;
  private final String key;

  public S3StorageLockClient(String ownerId, String lockFileUri, Properties props) {
    Pair<String, String> place = StorageLockClient.parseBucketAndPath(lockFileUri);
    bucket = place.getLeft();
    key = place.getRight();
    s3 = AmazonS3ClientBuilder.standard()
        .withPathStyleAccessEnabled(true)
        .withEndpointConfiguration(new EndpointConfiguration(System.getProperty("bed.s3.endpoint"), "us-east-1"))
        .withCredentials(new AWSStaticCredentialsProvider(
            new BasicAWSCredentials(System.getProperty("bed.s3.accessKey"), System.getProperty("bed.s3.secretKey"))))
        .build();
  }

  @Override
  public Pair<LockUpsertResult, Option<StorageLockFile>> tryUpsertLockFile(
      StorageLockData data, Option<StorageLockFile> previous) {
    byte[] bytes = StorageLockFile.toByteArray(data);
    ObjectMetadata metadata = new ObjectMetadata();
    metadata.setContentLength(bytes.length);
    PutObjectRequest request = new PutObjectRequest(bucket, key, new ByteArrayInputStream(bytes), metadata);
    if (previous.isPresent()) {
      request.putCustomRequestHeader("If-Match", "\"" + previous.get().getVersionId() + "\"");
    } else {
      request.putCustomRequestHeader("If-None-Match", "*");
    }
    try {
      String tag = s3.putObject(request).getETag();
      return Pair.of(LockUpsertResult.SUCCESS, Option.of(new StorageLockFile(data, tag)));
    } catch (AmazonS3Exception e) {
      boolean lost = e.getStatusCode() == 412;
      return Pair.of(lost ? LockUpsertResult.ACQUIRED_BY_OTHERS : LockUpsertResult.UNKNOWN_ERROR, Option.empty());
    }
  }

  @Override
  public Pair<LockGetResult, Option<StorageLockFile>> readCurrentLockFile() {
    try (S3Object object = s3.getObject(bucket, key)) {
      String tag = object.getObjectMetadata().getETag();
      return Pair.of(
          LockGetResult.SUCCESS, Option.of(StorageLockFile.createFromStream(object.getObjectContent(), tag)));
    } catch (AmazonS3Exception e) {
      boolean missing = e.getStatusCode() == 404;
      return Pair.of(missing ? LockGetResult.NOT_EXISTS : LockGetResult.UNKNOWN_ERROR, Option.empty());
    } catch (java.io.IOException e) {
      return Pair.of(LockGetResult.UNKNOWN_ERROR, Option.empty());
    }
  }

  @Override
  public Option<String> readObject(String path, boolean checkExistsFirst) {
    return Option.empty();
  }

  @Override
  public boolean writeObject(String path, String content) {
    return false;
  }

  @Override
  public void close() {
    s3.shutdown();
  }
}
